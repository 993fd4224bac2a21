//! What errors and ends say to people.

use std::collections::HashSet;
use std::error::Error;

use foreground::{
    ClosePipeError, PipeEnd, PipeError, RouteUntilError, SendError, SendTimeoutError, StartError, StopError,
    TrySendError,
};

#[test]
fn every_error_says_something_of_its_own() {
    let errors: [&dyn Error; 14] = [
        &StartError::AlreadyRunning,
        &StopError::NotRunning,
        &PipeError::NotRunning,
        &PipeError::ZeroCapacity,
        &PipeError::TooManyPipes,
        &ClosePipeError::NotRunning,
        &ClosePipeError::ForeignReceiver,
        &RouteUntilError::NotRunning,
        &RouteUntilError::Timeout,
        &RouteUntilError::NoSenders,
        &SendError::WouldDeadlock(1),
        &TrySendError::Full(1),
        &TrySendError::Closed(1),
        &SendTimeoutError::Timeout(1),
    ];
    let texts: HashSet<String> = errors.iter().map(|error| error.to_string()).collect();
    assert_eq!(texts.len(), errors.len(), "{texts:#?}");
    assert!(texts.iter().all(|text| text.len() > 10), "{texts:#?}");
    // One cause, whichever way of sending met it.
    assert_eq!(SendError::Closed(1).to_string(), TrySendError::Closed(1).to_string());
    assert_eq!(SendError::Closed(1).to_string(), SendTimeoutError::Closed(1).to_string());
}

#[test]
fn every_end_says_something_of_its_own() {
    let ends = [PipeEnd::Stopped, PipeEnd::Panicked, PipeEnd::NeverStarted];
    let texts: HashSet<String> = ends.iter().map(PipeEnd::to_string).collect();
    assert_eq!(texts.len(), ends.len());
    assert!(texts.iter().all(|text| text.contains("sender")), "{texts:?}");
}

#[test]
fn errors_show_the_variant_and_not_the_message() {
    struct Silent; // has no `Debug`
    assert_eq!(format!("{:?}", SendError::Closed(Silent)), "Closed(..)");
    assert_eq!(format!("{:?}", TrySendError::Full(Silent)), "Full(..)");
    assert_eq!(format!("{:?}", SendTimeoutError::Timeout(Silent)), "Timeout(..)");
}

#[test]
fn an_error_gives_its_message_back_and_knows_whether_the_pipe_is_closed() {
    assert_eq!(SendError::WouldDeadlock(1).into_inner(), 1);
    assert_eq!(TrySendError::Full(2).into_inner(), 2);
    assert_eq!(SendTimeoutError::Timeout(3).into_inner(), 3);
    assert!(SendError::Closed(1).is_closed() && !SendError::WouldDeadlock(1).is_closed());
    assert!(TrySendError::Closed(1).is_closed() && !TrySendError::Full(1).is_closed());
    assert!(SendTimeoutError::Closed(1).is_closed() && !SendTimeoutError::Timeout(1).is_closed());
}
