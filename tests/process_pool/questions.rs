//! Questions of functions to the user.

use foreground::process::ProgressFunction;
use foreground::tasks::{Answer, AskError};

use crate::common::{executor, outcome, router, until};
use crate::functions::{Overwrite, Table};

#[derive(Default)]
struct App {
    dialog: Option<(Overwrite, Answer<bool>)>,
    second: Option<(Overwrite, Answer<bool>)>,
    copied: Vec<String>,
}

#[test]
fn each_question_waits_for_its_answer() {
    let (table, router) = (Table::new(), router::<App>());
    let executor = executor(&router, 1);
    let files: Vec<String> = (0..50).map(|n| format!("file {n}")).collect();
    let job = executor.submit_progress_in_process(&table.copy, files.clone()).unwrap();
    job.on_ask(|app: &mut App, question, answer| app.dialog = Some((question, answer)));
    job.on_progress(|app, file| app.copied.push(file));
    let mut app = App::default();
    for (n, file) in files.iter().enumerate() {
        until(&router, &mut app, |app| app.dialog.is_some());
        let (question, answer) = app.dialog.take().unwrap();
        assert_eq!(question, Overwrite(file.into()));
        answer.reply(n % 2 == 0);
    }
    until(&router, &mut app, |_| job.state().is_done());
    assert_eq!(app.copied, files.into_iter().step_by(2).collect::<Vec<_>>());
    assert_eq!(job.try_outcome().unwrap().completed(), Some(25));
}

#[test]
fn two_questions_are_answered_in_any_order() {
    let (table, router) = (Table::new(), router::<App>());
    let executor = executor(&router, 1);
    let job = executor.submit_progress_in_process(&table.asks_twice, ()).unwrap();
    job.on_ask(|app: &mut App, question: Overwrite, answer| {
        let dialog = if question == Overwrite("first".into()) { &mut app.dialog } else { &mut app.second };
        *dialog = Some((question, answer));
    });
    let mut app = App::default();
    until(&router, &mut app, |app| app.dialog.is_some() && app.second.is_some());
    app.second.take().unwrap().1.reply(true);
    app.dialog.take().unwrap().1.reply(false);
    until(&router, &mut app, |_| job.state().is_done());
    assert_eq!(job.try_outcome().unwrap().completed(), Some((false, true)));
}

#[test]
fn nobody_answers_a_question_that_is_dropped_or_not_announced() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = executor(&router, 1);
    let dropped = executor.submit_progress_in_process(&table.copy, vec!["a".into()]).unwrap();
    dropped.on_ask(|_, _: Overwrite, answer| drop(answer));
    let error = outcome(&router, &dropped).failed().unwrap();
    assert_eq!(error.into_function_error(), Some(AskError::Unanswered));
    // No callback.
    let unheard = executor.submit_progress_in_process(&table.copy, vec!["a".into()]).unwrap();
    let error = outcome(&router, &unheard).failed().unwrap();
    assert_eq!(error.into_function_error(), Some(AskError::Unanswered));
    // Neither side knows the type.
    let stray = executor.submit_progress_in_process(&table.stray, ()).unwrap();
    let error = outcome(&router, &stray).failed().unwrap();
    assert_eq!(error.into_function_error(), Some(AskError::Unanswered));
    // Only the worker does.
    let other = ProgressFunction::<Vec<String>, String, u32>::progress("copy");
    let unknown = executor.submit_progress_in_process(&other, vec!["a".into()]).unwrap();
    let error = outcome(&router, &unknown).failed().unwrap();
    assert_eq!(error.into_function_error(), Some(AskError::Unanswered));
}

#[test]
fn a_cancel_ends_the_wait_for_an_answer() {
    let (table, router) = (Table::new(), router::<App>());
    let executor = executor(&router, 1);
    let job = executor.submit_progress_in_process(&table.copy, vec!["a".into()]).unwrap();
    job.on_ask(|app: &mut App, question, answer| app.dialog = Some((question, answer)));
    let mut app = App::default();
    until(&router, &mut app, |app| app.dialog.is_some());
    job.cancel();
    assert!(app.dialog.as_ref().unwrap().1.is_cancelled());
    until(&router, &mut app, |_| job.state().is_done());
    app.dialog.take().unwrap().1.reply(true);
    let id = executor.submit_call_in_process(&table.count, ()).unwrap();
    // The same worker goes on.
    until(&router, &mut app, |_| id.state().is_done());
    assert_eq!(executor.worker_ids().len(), 1);
}
