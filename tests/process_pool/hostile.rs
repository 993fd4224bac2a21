//! Workers that speak the protocol by hand, and badly: they cost their own task, and nothing else.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use foreground::process::{ProcessError, ProcessPoolError};

use crate::common::{WAIT, builder, executor, outcome, router, until, worker_that};
use crate::functions::Table;
use crate::workers::is_running;

/// In the worker.
pub fn behave(how: &str) {
    match how {
        "ends" => return,
        // For longer than anybody waits, and not for ever: the tests may be killed meanwhile.
        "sleeps" => return thread::sleep(2 * WAIT),
        #[cfg(target_os = "linux")]
        "counts" => return crate::workers::count(),
        "unaware" => {
            let router: foreground::MessageRouter = router();
            let built = [foreground::process::ProcessExecutor::new(&router), builder(&router).build()];
            let is_refused = |built: &Result<_, _>| matches!(built, Err(ProcessPoolError::InWorker));
            std::process::exit(if built.iter().all(is_refused) { 17 } else { 18 });
        }
        "serves without a log" => {
            log::set_logger(&PanickingLogger).unwrap();
            log::set_max_level(log::LevelFilter::Error);
            Table::new().functions.serve_if_worker();
        }
        "executor" => crate::workers::be_an_executor("serves"),
        "executor of workers without a log" => crate::workers::be_an_executor("serves without a log"),
        "executor that lets go" => crate::workers::be_an_executor_that_lets_go(),
        _ => {}
    }
    let mut executor = greet(if how == "other version" { 2 } else { 1 });
    let reply = read_frame(&mut executor);
    if how == "other version" {
        assert_eq!(reply[0], b'D');
        return;
    }
    assert_eq!(reply[0], b'W');
    if how == "garbage at once" {
        executor.write_all(b"\0\0\0\x01?").unwrap();
    }
    write_frame(&mut executor, b"r");
    assert_eq!(read_frame(&mut executor)[0], b'c');
    match how {
        "garbage" => executor.write_all(b"\0\0\0\x05?what").unwrap(),
        "huge" => executor.write_all(b"\xff\xff\xff\xff").unwrap(),
        "cut" => executor.write_all(b"\0\0\0\x05om").unwrap(),
        "bad end" => write_frame(&mut executor, b"f\xff\xff\xff\xff\xff"),
        "bad question" => write_frame(&mut executor, b"q\xff"),
        "bad message" => write_frame(&mut executor, b"m\x01\x02\x03"),
        "bad result" => write_frame(&mut executor, b"o\x01\x02\x03"),
        "three results" => (0..3).for_each(|_| write_frame(&mut executor, b"o\x02")),
        "shares" => {
            // A number is written in groups of seven bits, after its sign.
            let mut rest = 2 * u64::from(share(&executor));
            let mut result = vec![b'o'];
            while rest >= 0x80 {
                result.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            result.push(rest as u8);
            write_frame(&mut executor, &result);
            return;
        }
        "closes" => drop(executor.shutdown(std::net::Shutdown::Both)),
        other => panic!("no such behaviour: {other}"),
    }
    if how == "cut" {
        return;
    }
    // It lives on, until the executor's process ends.
    while matches!(executor.read(&mut [0; 64]), Ok(1..)) {}
    if how == "closes" {
        thread::sleep(2 * WAIT);
    }
}

/// As many do whose standard error is gone.
struct PanickingLogger;

impl log::Log for PanickingLogger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, _: &log::Record<'_>) {
        panic!("on purpose");
    }

    fn flush(&self) {}
}

/// Starts a process that has the connection too, and ends with it; returns its number.
fn share(executor: &UnixStream) -> u32 {
    let connection = OwnedFd::from(executor.try_clone().unwrap());
    let mut command = Command::new("cat");
    command.stdin(connection).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap().id()
}

fn greet(version: u16) -> UnixStream {
    let ticket = std::env::var("FOREGROUND_POOL_TICKET").unwrap();
    let (head, address) = ticket.split_once('@').unwrap();
    let [_, number, secret] = head.split('.').collect::<Vec<_>>()[..] else { panic!("{ticket}") };
    let mut hello = vec![b'H'];
    hello.extend(version.to_be_bytes());
    hello.extend(u64::from_str_radix(number, 16).unwrap().to_be_bytes());
    hello.extend((0..32).map(|at| u8::from_str_radix(&secret[2 * at..2 * at + 2], 16).unwrap()));
    for text in ["postcard", "foreground pool 1"] {
        hello.extend((text.len() as u16).to_be_bytes());
        hello.extend(text.bytes());
    }
    let mut executor = UnixStream::connect(address).unwrap();
    write_frame(&mut executor, &hello);
    executor
}

fn write_frame(stream: &mut UnixStream, bytes: &[u8]) {
    stream.write_all(&(bytes.len() as u32).to_be_bytes()).unwrap();
    stream.write_all(bytes).unwrap();
}

fn read_frame(stream: &mut UnixStream) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn bytes_that_are_none_fail_their_task_only() {
    let (table, router) = (Table::new(), router::<()>());
    let good = executor(&router, 1);
    for how in ["garbage", "huge", "cut", "bad end", "bad question", "closes"] {
        let bad = builder(&router).workers(1).command(move || Ok(worker_that(how))).build().unwrap();
        let call = bad.submit_call_in_process(&table.square, 1).unwrap();
        let error = outcome(&router, &call).failed().unwrap();
        assert!(matches!(error, ProcessError::Lost(_)), "{how}: {error:?}");
        let call = good.submit_call_in_process(&table.square, 3).unwrap();
        assert_eq!(outcome(&router, &call).completed(), Some(9), "{how}");
    }
}

#[test]
fn values_of_other_types_are_told_as_that() {
    let (table, router) = (Table::new(), router::<()>());
    let bad = builder(&router).workers(1).command(|| Ok(worker_that("bad result"))).build().unwrap();
    let call = bad.submit_call_in_process(&table.square, 1).unwrap();
    let error = outcome(&router, &call).failed().unwrap();
    assert!(matches!(error, ProcessError::Codec(_)), "{error:?}");
    let bad = builder(&router).workers(1).command(|| Ok(worker_that("bad message"))).build().unwrap();
    let squares = bad.submit_iteration_in_process(&table.squares, 1).unwrap();
    let error = outcome(&router, &squares).failed().unwrap();
    assert!(matches!(error, ProcessError::Codec(_)), "{error:?}");
}

#[test]
fn results_too_many_end_the_worker_and_not_the_next_task() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = builder(&router).workers(1).command(|| Ok(worker_that("three results"))).build().unwrap();
    let call = executor.submit_call_in_process(&table.square, 1).unwrap();
    assert_eq!(outcome(&router, &call).completed(), Some(1));
    // The second may come during the next call, and be taken for its result, or before, and its worker was lost.
    let call = executor.submit_call_in_process(&table.square, 1).unwrap();
    match outcome(&router, &call) {
        foreground::tasks::TaskOutcome::Completed(1) => {}
        foreground::tasks::TaskOutcome::Failed(ProcessError::Lost(_)) => {}
        other => panic!("{other:?}"),
    }
    // No call is left for the third.
    until(&router, &mut (), |()| executor.worker_ids().is_empty());
}

#[test]
fn a_connection_that_another_process_has_too_ends_with_its_worker() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = builder(&router).workers(1).command(|| Ok(worker_that("shares"))).build().unwrap();
    let call = executor.submit_call_in_process(&table.square, 1).unwrap();
    let id = outcome(&router, &call).completed().unwrap().try_into().unwrap();
    until(&router, &mut (), |()| !is_running(id));
}

#[test]
fn a_worker_that_is_not_let_in_is_not_waited_for() {
    let (table, router) = (Table::new(), router::<()>());
    for how in ["other version", "garbage at once"] {
        let executor = builder(&router).workers(1).command(move || Ok(worker_that(how))).build().unwrap();
        let call = executor.submit_call_in_process(&table.square, 1).unwrap();
        let error = outcome(&router, &call).failed().unwrap();
        let ProcessError::NotStarted(error) = error else { panic!("{how}: {error:?}") };
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted, "{how}: {error}");
        executor.shutdown(&mut (), Duration::from_secs(60)).unwrap();
        assert_eq!(executor.worker_ids(), [0_u32; 0]);
        router.stop().unwrap();
        router.start().unwrap();
    }
}
