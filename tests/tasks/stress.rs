//! Many tasks on real threads, cancelled at random, every report and every end counted. Nobody sleeps.

use std::ops::ControlFlow;

use foreground::tasks::{
    AskError, Progress, Question, Task, TaskCancelled, TaskContext, TaskExecutor, TaskFuture,
};

use crate::common::{Census, End, Member, Number, Stage};

/// What each task sends: 0, 1, and so on up to this.
const REPORTS: u32 = 20;

/// What became of a task.
#[derive(Default)]
struct Account {
    /// The next report that is due.
    next: u32,
    ends: Vec<End>,
    is_cancelled: bool,
}

type Accounts = Vec<Account>;

struct More;

impl Question for More {
    type Answer = bool;
}

struct Counter(Member);

impl Task for Counter {
    type Message = u32;
    type Output = Member;
    type Error = TaskCancelled;

    fn run(self, context: &TaskContext<'_, u32>) -> Result<Member, TaskCancelled> {
        (0..REPORTS).try_for_each(|n| context.send(n))?;
        Ok(self.0)
    }
}

/// Keeps the account of the task `number`, and returns what cancels it.
fn account<M: Number, R: 'static, E: 'static>(
    task: TaskFuture<M, R, E, Accounts>,
    number: usize,
    member: Member,
) -> Box<dyn Fn() -> bool> {
    task.on_message(move |accounts: &mut Accounts, message| {
        let account = &mut accounts[number];
        assert!(!account.is_cancelled && account.ends.is_empty(), "nothing comes after a cancel or the end");
        assert_eq!(message.number(), account.next);
        account.next += 1;
    });
    task.on_done(move |accounts, outcome| {
        drop(member);
        accounts[number].ends.push(End::of(&outcome));
    });
    Box::new(move || task.cancel())
}

/// Submits a task of the `number`th kind; returns how many reports it makes, how it ends, and what cancels it.
fn submit(
    executor: &TaskExecutor<Accounts>,
    number: usize,
    census: &Census,
) -> (u32, End, Box<dyn Fn() -> bool>) {
    let (held, told) = (census.member(), census.member());
    match number % 9 {
        0 => (0, End::Completed, account(executor.submit_call(move || held).unwrap(), number, told)),
        1 => (
            0,
            End::Failed,
            account(executor.submit_try_call(move || Err::<(), _>(held)).unwrap(), number, told),
        ),
        2 => {
            let items = executor.submit_iteration(move || (0..REPORTS).filter(move |_| held.is_counted()));
            (REPORTS, End::Completed, account(items.unwrap(), number, told))
        }
        3 => {
            let items = executor.submit_try_iteration(move || {
                let _held = &held;
                (0..REPORTS).map(Ok).chain([Err("the end")])
            });
            (REPORTS, End::Failed, account(items.unwrap(), number, told))
        }
        4 => {
            let items = executor.submit_steps(move || {
                let mut items = (0..REPORTS).map(ControlFlow::Continue).chain([ControlFlow::Break(held)]);
                // After the result it is not called again.
                move || items.next().unwrap()
            });
            (REPORTS, End::Completed, account(items.unwrap(), number, told))
        }
        5 => {
            let job = executor.submit_progress(move |progress: &Progress<'_, u32>| {
                (0..REPORTS).try_for_each(|n| progress.report(n))?;
                Ok(held)
            });
            (REPORTS, End::Completed, account(job.unwrap(), number, told))
        }
        6 => {
            let job = executor.submit_try_progress(move |progress: &Progress<'_, u32>| {
                let _held = &held;
                let _ = (0..REPORTS).try_for_each(|n| progress.report(n));
                if progress.is_cancelled() { Ok(()) } else { panic_quietly() }
            });
            let job: TaskFuture<_, (), TaskCancelled, _> = job.unwrap();
            (REPORTS, End::Panicked, account(job, number, told))
        }
        7 => {
            let job = executor.submit_progress(move |progress: &Progress<'_, u32>| {
                let mut n = 0;
                while progress.ask(More)? {
                    progress.report(n)?;
                    n += 1;
                }
                Ok::<_, AskError>(held)
            });
            let job = job.unwrap();
            job.on_ask(move |accounts: &mut Accounts, More, answer| {
                answer.reply(accounts[number].next < REPORTS);
            });
            (REPORTS, End::Completed, account(job, number, told))
        }
        _ => (REPORTS, End::Completed, account(executor.submit(Counter(held)).unwrap(), number, told)),
    }
}

/// Panics without the hook, which would print hundreds of backtraces.
fn panic_quietly<T>() -> T {
    std::panic::resume_unwind(Box::new("on purpose"))
}

/// A generator of numbers that look random, the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

#[test]
fn every_report_and_every_end_of_thousands_of_tasks_is_accounted_for() {
    const TASKS: usize = 9_000;
    let stage = Stage::<Accounts>::new(4);
    let census = Census::default();
    let mut dice = Dice(0x2545_F491_4F6C_DD1D);
    let mut accounts = Accounts::new();
    let mut tasks = Vec::new();
    for number in 0..TASKS {
        accounts.push(Account::default());
        tasks.push(submit(&stage.executor, number, &census));
        if dice.roll(3) == 0 {
            let victim = dice.roll(tasks.len());
            accounts[victim].is_cancelled |= (tasks[victim].2)();
        }
        if dice.roll(10) == 0 {
            stage.test_loop.turn(&mut accounts);
        }
    }
    let executor = &stage.executor;
    stage.run_until(&mut accounts, |_| executor.running() == 0);
    for (number, (account, (reports, end, cancel))) in accounts.iter().zip(&tasks).enumerate() {
        let end = if account.is_cancelled { End::Cancelled } else { *end };
        assert_eq!(account.ends, [end], "task {number}");
        assert!(account.is_cancelled || account.next == *reports, "task {number}: {} reports", account.next);
        assert!(!cancel());
    }
    let cancelled = accounts.iter().filter(|account| account.is_cancelled).count();
    assert!(cancelled > 100 && cancelled < TASKS - 100, "{cancelled} were cancelled");
    drop(tasks);
    stage.dispatch(&mut accounts);
    assert_eq!(census.alive(), 0);
}

#[test]
fn executors_and_routers_stopped_in_the_middle_lose_no_end_and_leave_nothing() {
    let census = Census::default();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for round in 0..40 {
        let stage = Stage::<Accounts>::new(3);
        let mut accounts = Accounts::new();
        let mut tasks = Vec::new();
        for number in 0..100 {
            accounts.push(Account::default());
            tasks.push(submit(&stage.executor, number, &census));
            if dice.roll(10) == 0 {
                stage.test_loop.turn(&mut accounts);
            }
        }
        let ended: Vec<_> = accounts.iter().map(|account| account.ends.len()).collect();
        if round % 2 == 0 {
            stage.router.stop().unwrap();
            stage.router.start().unwrap();
            stage.dispatch(&mut accounts);
            // Nobody could be told.
            assert!(accounts.iter().zip(&ended).all(|(account, ended)| account.ends.len() == *ended));
        } else {
            for (account, (_, _, cancel)) in accounts.iter_mut().zip(&tasks) {
                account.is_cancelled = cancel();
            }
            stage.executor.shutdown(&mut accounts, crate::common::PATIENCE).unwrap();
            for (account, ended) in accounts.iter().zip(&ended) {
                assert_eq!((account.ends.len(), account.is_cancelled), (1, *ended == 0));
            }
        }
        assert_eq!(stage.executor.running(), 0);
        // The workers drop the last of what they were given when they end.
        let pool = stage.pool.clone();
        drop((tasks, stage));
        await_idle(&pool);
        assert_eq!(census.alive(), 0, "in round {round}");
    }
}

/// Waits until each worker has done with what it was given.
fn await_idle(pool: &foreground::tasks::WorkerPool) {
    let router: foreground::MessageRouter = foreground::MessageRouter::new(|| {});
    router.start().unwrap();
    let executor = TaskExecutor::builder(&router).pool(pool).build().unwrap();
    let barrier = std::sync::Arc::new(std::sync::Barrier::new(pool.size() + 1));
    for _ in 0..pool.size() {
        let barrier = std::sync::Arc::clone(&barrier);
        executor.submit_call(move || barrier.wait().is_leader()).unwrap().detach();
    }
    barrier.wait();
}
