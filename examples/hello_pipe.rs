//! The smallest program: a worker says three things, the main thread hears them. No window.
//!
//! ```text
//! cargo run --example hello_pipe
//! ```
//!
//! Look for: the callback gets `&mut Vec`, the program's own state, with no lock and no `RefCell`.

use std::thread;

use foreground::MessageRouter;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Nothing to wake: `route_until` drives the router by hand, and waits by itself.
    let router: MessageRouter<Vec<String>> = MessageRouter::new(|| {});
    router.start()?;

    let (sender, receiver) = router.pipe::<&str>()?;
    receiver.on_message(|heard: &mut Vec<String>, word| heard.push(word.to_uppercase()));

    let worker = thread::spawn(move || {
        let sender = sender.start();
        for word in ["hello", "from", "the background"] {
            if sender.send(word).is_err() {
                return; // Nobody listens any more.
            }
        }
    });

    let mut heard = Vec::new();
    router.route_until(&mut heard, |heard| heard.len() == 3, None)?;
    println!("{}", heard.join(" "));

    worker.join().expect("the worker does not panic");
    router.close_pipe(receiver)?;
    router.stop()?;
    Ok(())
}
