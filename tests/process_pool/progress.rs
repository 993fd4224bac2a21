//! What functions send while they run.

use foreground::process::ProcessError;
use foreground::tasks::TaskOutcome;

use crate::common::{executor, outcome, router, until};
use crate::functions::Table;

#[test]
fn all_reports_come_in_order_and_before_the_end() {
    let (table, router) = (Table::new(), router::<Vec<u64>>());
    let executor = executor(&router, 1);
    let job = executor.submit_progress_in_process(&table.count_up, 20_000).unwrap();
    job.on_progress(|seen: &mut Vec<u64>, n| seen.push(n));
    job.on_done(|seen, outcome| seen.push(outcome.completed().unwrap()));
    let mut seen = Vec::new();
    until(&router, &mut seen, |_| job.state().is_done());
    assert_eq!(seen, (0..=20_000).collect::<Vec<_>>());
}

#[test]
fn of_a_million_newest_values_few_cross_and_the_last_does() {
    let (table, router) = (Table::new(), router::<Vec<u64>>());
    let executor = executor(&router, 1);
    let job = executor.submit_progress_in_process(&table.flood, 1_000_000).unwrap();
    job.on_progress(|seen: &mut Vec<u64>, n| seen.push(n));
    let mut seen = Vec::new();
    until(&router, &mut seen, |_| job.state().is_done());
    assert_eq!(seen.last(), Some(&1_000_000));
    assert!(seen.is_sorted_by(|a, b| a < b));
    assert!(seen.len() < 300_000, "{}", seen.len());
    assert_eq!(job.try_outcome().unwrap().completed(), Some(1_000_000));
}

#[test]
fn the_newest_values_keep_their_order_among_the_others() {
    let (table, router) = (Table::new(), router::<Vec<u64>>());
    let executor = executor(&router, 1);
    let job = executor.submit_progress_in_process(&table.mixed, 50_004).unwrap();
    job.on_progress(|seen: &mut Vec<u64>, n| seen.push(n));
    let mut seen = Vec::new();
    until(&router, &mut seen, |_| job.state().is_done());
    assert!(seen.is_sorted_by(|a, b| a < b));
    assert_eq!(seen.iter().filter(|n| **n % 5 == 4).count(), 10_000);
    // The last of the newest values before each of the others comes, and at the end.
    assert_eq!(seen.iter().filter(|n| **n % 5 == 3).count(), 10_001);
}

#[test]
fn items_come_in_order_up_to_the_first_error() {
    let (table, router) = (Table::new(), router::<Vec<u64>>());
    let executor = executor(&router, 1);
    let squares = executor.submit_iteration_in_process(&table.squares, 1000).unwrap();
    squares.on_item(|seen: &mut Vec<u64>, n| seen.push(n));
    let mut seen = Vec::new();
    until(&router, &mut seen, |_| squares.state().is_done());
    assert_eq!(seen, (1..=1000).map(|n| n * n).collect::<Vec<_>>());
    assert!(matches!(squares.try_outcome(), Some(TaskOutcome::Completed(()))));

    let numbers = executor.submit_iteration_in_process(&table.parse, "1 2 x 4".into()).unwrap();
    numbers.on_item(|seen: &mut Vec<u64>, n| seen.push(n.into()));
    let mut seen = Vec::new();
    until(&router, &mut seen, |_| numbers.state().is_done());
    assert_eq!(seen, [1, 2]);
    assert_eq!(numbers.try_outcome().unwrap().failed().unwrap().into_function_error().unwrap(), "x");
}

#[test]
fn an_iteration_without_end_is_cancelled_between_items() {
    let (table, router) = (Table::new(), router::<Vec<u64>>());
    let executor = executor(&router, 1);
    let id = executor.submit_call_in_process(&table.id, ()).unwrap();
    let id = outcome(&router, &id).completed();
    let squares = executor.submit_iteration_in_process(&table.squares, u32::MAX.into()).unwrap();
    squares.on_item(|seen: &mut Vec<u64>, n| seen.push(n));
    let mut seen = Vec::new();
    until(&router, &mut seen, |seen| seen.len() >= 10);
    squares.cancel();
    until(&router, &mut seen, |_| squares.state().is_done());
    assert_eq!(seen, (1..=seen.len() as u64).map(|n| n * n).collect::<Vec<_>>());
    let again = executor.submit_call_in_process(&table.id, ()).unwrap();
    assert_eq!(outcome(&router, &again).completed(), id);
}

#[test]
fn a_newest_value_that_cannot_be_written_fails_a_task_whose_function_has_ended_meanwhile() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = executor(&router, 1);
    let belated = executor.submit_progress_in_process(&table.belated, ()).unwrap();
    let error = outcome(&router, &belated).failed().unwrap();
    assert!(matches!(&error, ProcessError::Codec(_)), "{error:?}");
    assert!(error.to_string().contains("cannot be written"), "{error}");
    // The worker goes on.
    let count = executor.submit_call_in_process(&table.count, ()).unwrap();
    assert_eq!(outcome(&router, &count).completed(), Some(1));
}
