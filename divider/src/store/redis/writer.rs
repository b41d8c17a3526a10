//! Many writes at a time: what is submitted while a batch is under way is the next batch.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::super::{Outcome, StoreError, Write, Writer, check_write};
use super::link::{Link, Live};
use super::writes;

/// The most writes of one script. It takes the server about a millisecond, in which it does nothing else.
const BATCH: usize = 200;

pub(super) struct RedisWriter {
    link: Link,
    queue: VecDeque<(u64, Write)>,
    step: Step,
    /// What was refused here.
    refused: Vec<(u64, Outcome)>,
}

enum Step {
    Idle,
    /// Nothing of the queue is sent before there is a connection: it may still be forgotten.
    Connecting(BoxFuture<'static, Result<Live, StoreError>>),
    /// The numbers of the writes that are under way; `None` for one that was forgotten.
    Sent(Vec<Option<u64>>, BoxFuture<'static, Vec<Outcome>>),
}

impl RedisWriter {
    pub(super) fn new(link: Link) -> Self {
        Self { link, queue: VecDeque::new(), step: Step::Idle, refused: Vec::new() }
    }

    fn send(&mut self, live: Live) -> Step {
        let batch = self.queue.drain(..self.queue.len().min(BATCH));
        let (numbers, writes): (Vec<_>, Vec<_>) =
            batch.map(|(number, write)| (Some(number), write)).unzip();
        if writes.is_empty() {
            return Step::Idle;
        }
        let link = self.link.clone();
        let sending = async move { writes::carry_out(&link, live, writes).await };
        Step::Sent(numbers, sending.boxed())
    }
}

impl Writer for RedisWriter {
    fn submit(&mut self, writes: Vec<(u64, Write)>) {
        for (number, write) in writes {
            match check_write(&write) {
                Ok(()) => self.queue.push_back((number, write)),
                Err(error) => self.refused.push((number, Outcome::Refused(error))),
            }
        }
    }

    fn poll_outcomes(
        &mut self,
        cx: &mut Context<'_>,
        outcomes: &mut Vec<(u64, Outcome)>,
    ) -> Poll<()> {
        let before = outcomes.len();
        outcomes.append(&mut self.refused);
        loop {
            let next = match &mut self.step {
                Step::Idle if self.queue.is_empty() => break,
                Step::Idle => {
                    let link = self.link.clone();
                    Step::Connecting(async move { link.live().await }.boxed())
                }
                Step::Connecting(connecting) => match connecting.poll_unpin(cx) {
                    Poll::Pending => break,
                    Poll::Ready(Ok(live)) => self.send(live),
                    Poll::Ready(Err(error)) => {
                        let refused = |(number, _)| (number, Outcome::Refused(error.clone()));
                        outcomes.extend(self.queue.drain(..).map(refused));
                        Step::Idle
                    }
                },
                Step::Sent(numbers, sending) => match sending.poll_unpin(cx) {
                    Poll::Pending => break,
                    Poll::Ready(ended) => {
                        let of = |(number, outcome): (Option<u64>, _)| Some((number?, outcome));
                        outcomes.extend(numbers.drain(..).zip(ended).filter_map(of));
                        Step::Idle
                    }
                },
            };
            self.step = next;
        }
        if outcomes.len() > before { Poll::Ready(()) } else { Poll::Pending }
    }

    fn forget(&mut self, number: u64) {
        self.queue.retain(|(other, _)| *other != number);
        self.refused.retain(|(other, _)| *other != number);
        if let Step::Sent(numbers, _) = &mut self.step
            && let Some(sent) = numbers.iter_mut().find(|sent| **sent == Some(number))
        {
            *sent = None;
        }
    }
}
