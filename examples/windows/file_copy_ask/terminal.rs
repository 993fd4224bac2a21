//! The copy without a window.

use std::error::Error;
use std::io::{self, BufRead as _, Write as _};
use std::thread;

use foreground::MessageRouter;
use foreground::tasks::Answer;

use crate::copier::{Overwrite, Policy, Reply};
use crate::{App, End, say, window};

/// Copies, tells each problem, and prints the summary. Fails if something could not be copied.
pub(crate) fn run(app: &mut App, router: &MessageRouter<App>) -> Result<(), Box<dyn Error>> {
    app.start(Policy::None);
    if let Some(task) = &app.task {
        task.on_ask(|_: &mut App, question, answer| ask(question, answer));
    }
    cancel_on_signal(router)?;
    let mut told = 0;
    let done = |app: &mut App| {
        app.problems[told..].iter().for_each(say);
        told = app.problems.len();
        app.end.is_some()
    };
    router.route_until(app, done, None)?;
    if let Some(End::Failed(why)) = &app.end {
        return Err(why.as_str().into());
    }
    writeln!(io::stdout(), "{}", app.summary())?;
    if let Some(End::Cancelled) = &app.end {
        return Err("cancelled".into());
    }
    match app.status.failed {
        0 => Ok(()),
        1 => Err("1 entry could not be copied".into()),
        failed => Err(format!("{failed} entries could not be copied").into()),
    }
}

/// Makes Ctrl-C a cancel: the end that a process would come to by it would leave a file half-written.
fn cancel_on_signal(router: &MessageRouter<App>) -> Result<(), Box<dyn Error>> {
    let (sender, receiver) = router.pipe()?;
    receiver.on_message(|app: &mut App, ()| app.cancel());
    receiver.detach();
    let sender = sender.start();
    ctrlc::set_handler(move || {
        // Nobody listens when all is done, and then there is nothing to cancel.
        let _ = sender.send(());
    })?;
    Ok(())
}

/// Reads the answer on a thread of its own, so that the foreground goes on. There is never a second question before
/// the first is answered.
fn ask(question: Overwrite, answer: Answer<Reply>) {
    let thread = thread::Builder::new().name("terminal".into()).spawn(move || match read(&question) {
        Some(reply) => answer.reply(reply),
        // Dropping the answer tells the copier that nobody answers.
        None => say("no answer; what is there already is left as it is"),
    });
    if let Err(error) = thread {
        say(format_args!("nobody can be asked: {error}"));
    }
}

/// None at the end of the input.
fn read(question: &Overwrite) -> Option<Reply> {
    let mut line = String::new();
    loop {
        let prompt =
            format!("{} [y]es, [n]o, yes to [a]ll, no to all that follow [s]: ", window::text(question));
        write!(io::stderr(), "{prompt}").and_then(|()| io::stderr().flush()).ok()?;
        line.clear();
        if io::stdin().lock().read_line(&mut line).ok()? == 0 {
            return None;
        }
        let (overwrite, for_all) = match line.trim() {
            "y" | "yes" => (true, false),
            "n" | "no" => (false, false),
            "a" | "all" => (true, true),
            "s" | "skip" => (false, true),
            _ => continue,
        };
        return Some(Reply { overwrite, for_all });
    }
}
