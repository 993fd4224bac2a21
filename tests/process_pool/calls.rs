//! Arguments go over, results come back, and errors have their types.

use std::sync::{Arc, Mutex};

use foreground::MessageRouter;
use foreground::process::{CallFunction, ProcessError};
use foreground::tasks::TaskOutcome;

use crate::common::{builder, executor, outcome, router, until};
use crate::functions::{Moody, SizeError, Table};

#[test]
fn a_result_comes_from_another_process() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = executor(&router, 2);
    let square = executor.submit_call_in_process(&table.square, -7).unwrap();
    assert_eq!(outcome(&router, &square).completed(), Some(49));
    let id = executor.submit_call_in_process(&table.id, ()).unwrap();
    let id = outcome(&router, &id).completed().unwrap();
    assert_ne!(id, std::process::id());
    assert!(executor.worker_ids().contains(&id));
}

#[test]
fn an_error_comes_with_its_type() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = executor(&router, 1);
    let good = executor.submit_call_in_process(&table.divide, (7, 2)).unwrap();
    assert_eq!(outcome(&router, &good).completed(), Some(3));
    let bad = executor.submit_call_in_process(&table.divide, (7, 0)).unwrap();
    let error = outcome(&router, &bad).failed().unwrap();
    assert_eq!(error.to_string(), "7 cannot be divided by 0");
    assert_eq!(error.into_function_error().unwrap(), "7 cannot be divided by 0");
    let size = executor.submit_progress_in_process(&table.size, "/no/such/file".into()).unwrap();
    let error = outcome(&router, &size).failed().unwrap().into_function_error();
    assert_eq!(error, Some(SizeError::NotFound("/no/such/file".into())));
}

#[test]
fn a_panic_comes_with_its_text_and_place_and_the_worker_goes_on() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = executor(&router, 1);
    let id = executor.submit_call_in_process(&table.id, ()).unwrap();
    let id = outcome(&router, &id).completed().unwrap();
    let panics = executor.submit_call_in_process(&table.panics, "on purpose, in a worker".into()).unwrap();
    let TaskOutcome::Panicked { message, location, .. } = outcome(&router, &panics) else {
        panic!("it did not panic");
    };
    assert_eq!(message, "on purpose, in a worker");
    assert!(location.unwrap().file.ends_with("functions.rs"));
    let again = executor.submit_call_in_process(&table.id, ()).unwrap();
    assert_eq!(outcome(&router, &again).completed(), Some(id));
}

#[test]
fn a_thousand_small_calls_are_all_answered_by_few_processes() {
    let (table, router) = (Table::new(), router::<Vec<i64>>());
    let executor = executor(&router, 2);
    for n in 0..1000 {
        let call = executor.submit_call_in_process(&table.square, n).unwrap();
        call.on_done(|results: &mut Vec<i64>, outcome| results.push(outcome.completed().unwrap()));
        call.detach();
    }
    let mut results = Vec::new();
    until(&router, &mut results, |results| results.len() == 1000);
    results.sort();
    assert_eq!(results, (0..1000).map(|n| n * n).collect::<Vec<_>>());
    assert!((1..=2).contains(&executor.worker_ids().len()));
}

#[test]
fn sixteen_mebibytes_go_over_and_come_back() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = executor(&router, 1);
    let there = executor.submit_call_in_process(&table.length, vec![7; 16 << 20]).unwrap();
    let back = executor.submit_call_in_process(&table.zeros, 16 << 20).unwrap();
    assert_eq!(outcome(&router, &there).completed(), Some(16 << 20));
    assert_eq!(outcome(&router, &back).completed().unwrap(), vec![0; 16 << 20]);
}

#[test]
fn what_is_too_large_fails_and_the_worker_goes_on() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = builder(&router).workers(1).max_message_size(100_000).build().unwrap();
    let call = |bytes| outcome(&router, &executor.submit_call_in_process(&table.zeros, bytes).unwrap());
    assert_eq!(call(99_000).completed().unwrap().len(), 99_000);
    let ids = executor.worker_ids();
    let result = call(100_000).failed().unwrap();
    assert!(matches!(result, ProcessError::TooLarge { bytes: 100_003, limit: 100_000, .. }), "{result:?}");
    let length = executor.submit_call_in_process(&table.length, vec![7; 100_000]).unwrap();
    let arguments = outcome(&router, &length).failed().unwrap();
    assert!(matches!(arguments, ProcessError::TooLarge { bytes: 100_003, .. }), "{arguments:?}");
    let longest = executor.submit_call_in_process(&table.length, vec![7; 99_997]).unwrap();
    assert_eq!(outcome(&router, &longest).completed(), Some(99_997));
    assert_eq!(executor.worker_ids(), ids);
    // A panic that says much does not break the connection.
    let panics = executor.submit_call_in_process(&table.panics, "no ".repeat(30_000)).unwrap();
    assert!(matches!(outcome(&router, &panics), TaskOutcome::Panicked { .. }));
    assert_eq!(executor.worker_ids(), ids);
}

#[test]
fn a_function_that_is_not_there_is_named() {
    let router = router::<()>();
    let executor = executor(&router, 1);
    let nothing = CallFunction::<i64, i64>::call("cube");
    let call = executor.submit_call_in_process(&nothing, 3).unwrap();
    let error = outcome(&router, &call).failed().unwrap();
    assert!(matches!(&error, ProcessError::UnknownFunction(name) if name == "cube"), "{error:?}");
    assert!(error.to_string().contains("serve_if_worker"));
}

#[test]
fn a_function_of_other_types_is_not_called() {
    let router = router::<()>();
    let executor = executor(&router, 1);
    let wrong = CallFunction::<i64, u8>::call("square");
    let call = executor.submit_call_in_process(&wrong, 3).unwrap();
    let error = outcome(&router, &call).failed().unwrap();
    let ProcessError::Signature { here, there, .. } = error else { panic!("{error:?}") };
    assert!(here.contains("u8") && !there.contains("u8"), "{here}, {there}");
    // One that is the same is called, though it is not the handle that was registered.
    let right = CallFunction::<i64, i64>::call("square");
    let call = executor.submit_call_in_process(&right, 3).unwrap();
    assert_eq!(outcome(&router, &call).completed(), Some(9));
}

#[test]
fn what_serde_refuses_fails_the_task_wherever_it_is() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = executor(&router, 1);
    let argument =
        |n| outcome(&router, &executor.submit_call_in_process(&table.moody_argument, Moody(n)).unwrap());
    let moody = |n, before, latest| {
        outcome(&router, &executor.submit_progress_in_process(&table.moody, (n, before, latest)).unwrap())
    };
    assert_eq!(argument(7).completed(), Some(7));
    assert_eq!(moody(7, true, true).completed(), Some(Moody(7)));
    for (outcome, text) in [
        (argument(13).failed().map(|error| error.to_string()), "Serialization"),
        (argument(14).failed().map(|error| error.to_string()), "cannot be read in the worker"),
    ] {
        assert!(outcome.as_ref().is_some_and(|error| error.contains(text)), "{text}: {outcome:?}");
    }
    for n in [13, 14] {
        for (before, latest) in [(false, false), (true, false), (true, true)] {
            let error = moody(n, before, latest).failed();
            assert!(matches!(error, Some(ProcessError::Codec(_))), "{n} {before} {latest}: {error:?}");
        }
    }
    // A panic there is one of the task, or of the writing.
    for (before, latest) in [(false, false), (true, false)] {
        let outcome = moody(15, before, latest);
        assert!(matches!(outcome, TaskOutcome::Panicked { .. }), "{before} {latest}: {outcome:?}");
    }
    assert!(matches!(moody(15, true, true).failed(), Some(ProcessError::Codec(_))));
    assert!(matches!(argument(15), TaskOutcome::Panicked { .. }));
    assert_eq!(argument(7).completed(), Some(7));
}

#[test]
fn arguments_come_back_from_an_executor_that_was_stopped() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = executor(&router, 1);
    executor.stop().unwrap();
    let error = executor.submit_call_in_process(&table.length, vec![1, 2, 3]).unwrap_err();
    assert_eq!(error.into_inner(), [1, 2, 3]);
}

#[test]
fn what_a_function_prints_disturbs_nothing() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = executor(&router, 1);
    let prints = executor.submit_call_in_process(&table.prints, ()).unwrap();
    assert_eq!(outcome(&router, &prints).completed(), Some(()));
    let square = executor.submit_call_in_process(&table.square, 3).unwrap();
    assert_eq!(outcome(&router, &square).completed(), Some(9));
}

#[test]
fn a_closure_stays_in_its_worker_between_calls() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = executor(&router, 1);
    for n in 1..=3 {
        let count = executor.submit_call_in_process(&table.count, ()).unwrap();
        assert_eq!(outcome(&router, &count).completed(), Some(n));
    }
}

#[test]
fn a_task_can_be_awaited() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = executor(&router, 1);
    let square = executor.submit_call_in_process(&table.square, 12).unwrap();
    let seen = Arc::new(Mutex::new(None));
    let result = Arc::clone(&seen);
    let mut awaits = Box::pin(async move { *result.lock().unwrap() = Some(square.await.completed()) });
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    until(&router, &mut (), |()| awaits.as_mut().poll(&mut context).is_ready());
    assert_eq!(*seen.lock().unwrap(), Some(Some(144)));
}

#[test]
fn a_process_that_is_no_worker_builds_executors() {
    let router: MessageRouter = router();
    assert!(foreground::process::ProcessExecutor::new(&router).is_ok());
}
