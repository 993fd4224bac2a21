//! What is shown, and what the methods do to it.

use std::collections::VecDeque;

use serde_json::{Value, from_value};

use crate::rpc::{Call, INVALID_PARAMS, METHOD_NOT_FOUND, NOBODY_THERE};

const MOST_QUESTIONS: usize = 100;
const MOST_LINES: usize = 200;

/// The state of the foreground. Only its thread touches it.
pub(crate) struct Desk {
    pub(crate) title: String,
    pub(crate) questions: Vec<Question>,
    /// The calls that were answered, the latest first.
    pub(crate) log: VecDeque<Line>,
    pub(crate) has_window: bool,
    pub(crate) is_closing: bool,
}

/// A question that waits for its answer.
pub(crate) struct Question {
    pub(crate) text: String,
    pub(crate) transport: &'static str,
    pub(crate) call: Call,
}

pub(crate) struct Line {
    pub(crate) transport: &'static str,
    pub(crate) text: String,
    pub(crate) result: Result<String, String>,
}

impl Desk {
    pub(crate) fn new(has_window: bool) -> Self {
        Self {
            title: "Approvals".into(),
            questions: Vec::new(),
            log: VecDeque::new(),
            has_window,
            is_closing: false,
        }
    }

    /// Called for each call, by whichever transport it came.
    pub(crate) fn called(&mut self, transport: &'static str, call: Call) {
        match call.method.as_str() {
            "approve" => match from_value::<(String,)>(call.params.clone()) {
                Ok(_) if !self.has_window => {
                    self.fail(transport, call, NOBODY_THERE, "there is nobody to ask")
                }
                Ok(_) if self.questions.len() >= MOST_QUESTIONS => {
                    self.fail(transport, call, NOBODY_THERE, "too many questions wait");
                }
                Ok((text,)) => self.questions.push(Question { text, transport, call }), // answered by a click
                Err(error) => self.fail(transport, call, INVALID_PARAMS, &error.to_string()),
            },
            "add" => match from_value::<(f64, f64)>(call.params.clone()) {
                Ok((a, b)) => self.succeed(transport, call, number(a + b)),
                Err(error) => self.fail(transport, call, INVALID_PARAMS, &error.to_string()),
            },
            "set_title" => match from_value::<(String,)>(call.params.clone()) {
                Ok((title,)) => {
                    self.title = title;
                    self.succeed(transport, call, Value::Null);
                }
                Err(error) => self.fail(transport, call, INVALID_PARAMS, &error.to_string()),
            },
            "pending" => {
                let count = self.questions.len();
                self.succeed(transport, call, count.into());
            }
            "close" => {
                self.is_closing = true;
                self.succeed(transport, call, Value::Null);
            }
            _ => self.fail(transport, call, METHOD_NOT_FOUND, "there is no such method"),
        }
    }

    /// The user has clicked.
    pub(crate) fn answer(&mut self, number: usize, approved: bool) {
        let Question { transport, call, .. } = self.questions.remove(number);
        self.succeed(transport, call, approved.into());
    }

    /// Forgets the questions of clients that have gone, as far as their transport tells.
    pub(crate) fn forget_who_has_gone(&mut self) {
        self.questions.retain(|question| !question.call.is_abandoned());
    }

    /// Answers all that is open, as there will be nobody to do it.
    pub(crate) fn close(&mut self) {
        for question in std::mem::take(&mut self.questions) {
            question.call.fail(NOBODY_THERE, "the window was closed before the question was answered");
        }
    }

    fn succeed(&mut self, transport: &'static str, call: Call, result: Value) {
        self.note(Line { transport, text: describe(&call), result: Ok(result.to_string()) });
        call.succeed(result);
    }

    fn fail(&mut self, transport: &'static str, call: Call, code: i64, text: &str) {
        self.note(Line { transport, text: describe(&call), result: Err(text.to_owned()) });
        call.fail(code, text);
    }

    fn note(&mut self, line: Line) {
        self.log.truncate(MOST_LINES - 1);
        self.log.push_front(line);
    }
}

fn describe(call: &Call) -> String {
    format!("{} {}", call.method, call.params)
}

/// A sum without a fraction is an integer, as far as a float holds it exactly.
fn number(sum: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if sum.fract() == 0.0 && sum.abs() <= EXACT { (sum as i64).into() } else { sum.into() }
}
