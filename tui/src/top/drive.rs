//! The loop: what comes in goes to `update`, what is to be done is done, what has changed is drawn.

use std::time::Duration;

use divider::snapshot::Moment;
use futures_util::StreamExt;
use ratatui::crossterm::event::{Event, EventStream};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::model::{ContextRow, Model};
use super::source::Source;
use super::terminal::Screen;
use super::update::{Ask, Effect, Msg, News, update};
use super::{export, signals, terminal_failed};
use crate::conditions::Clock;
use crate::connection::{Choice, Contexts, Environment, redacted};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::now_ms;

/// So often time passes.
const TICK: Duration = Duration::from_millis(250);

/// So often the screen is drawn at most, but for what is typed.
const FRAME: Duration = Duration::from_millis(100);

/// What came first.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
enum Came {
    Signal(i32),
    Msg(Msg),
    /// It is time to draw.
    Frame,
    /// The terminal is gone.
    Gone,
    /// The source is gone.
    Ended,
    /// Nothing of interest.
    Nothing,
}

struct Driver {
    model: Model,
    source: Option<Source>,
    screen: Screen,
    /// The screen is drawn not before.
    not_before: Instant,
    /// When something came in last: time passes at every tick.
    awake: Moment,
}

/// So long without a tick the process stood still.
const SUSPENDED: Duration = Duration::from_secs(3);

/// Shows the dashboard until somebody ends it.
pub(super) async fn drive(
    model: Model,
    source: Option<Source>,
    panic_after: Option<u64>,
) -> Outcome {
    let mut signals = signals::listen()?;
    let screen = Screen::enter(model.settings.mouse).map_err(|error| terminal_failed(&error))?;
    let (not_before, awake) = (Instant::now(), Moment::now());
    let mut driver = Driver { model, source, screen, not_before, awake };
    if let Ok((columns, rows)) = driver.screen.size() {
        update(&mut driver.model, Msg::Resize(columns, rows));
    }
    let mut keys = EventStream::new();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let panic_at = panic_after.map(|ms| Instant::now() + Duration::from_millis(ms));
    loop {
        let came = tokio::select! {
            biased;
            Some(number) = signals.recv() => Came::Signal(number),
            event = keys.next() => on_event(event),
            () = sleep_until(driver.not_before), if driver.model.dirty => Came::Frame,
            news = next_news(&mut driver.source) => news.map_or(Came::Ended, |n| Came::Msg(Msg::News(n))),
            _ = ticks.tick() => Came::Msg(Msg::Tick(now())),
        };
        assert!(panic_at.is_none_or(|at| Instant::now() < at), "asked to panic");
        if driver.handle(came)? {
            return Ok(());
        }
    }
}

async fn next_news(source: &mut Option<Source>) -> Option<News> {
    match source {
        Some(source) => source.news().await,
        None => std::future::pending().await,
    }
}

fn on_event(event: Option<std::io::Result<Event>>) -> Came {
    match event {
        None | Some(Err(_)) => Came::Gone,
        Some(Ok(Event::Key(key))) => Came::Msg(Msg::Key(key)),
        Some(Ok(Event::Mouse(mouse))) => Came::Msg(Msg::Mouse(mouse)),
        Some(Ok(Event::Paste(text))) => Came::Msg(Msg::Paste(text)),
        Some(Ok(Event::Resize(columns, rows))) => Came::Msg(Msg::Resize(columns, rows)),
        Some(Ok(Event::FocusGained | Event::FocusLost)) => Came::Nothing,
    }
}

/// What both clocks say.
pub(super) fn now() -> Clock {
    Clock { at: Moment::now(), unix_ms: now_ms() }
}

/// The contexts of the `nats` command. One that cannot be read says so when it is gone to.
fn contexts() -> Vec<ContextRow> {
    let contexts = Contexts::new(&Environment::of_process());
    let url = |name: &str| {
        let context = contexts.read(name, Choice::Selected).ok()?;
        Some(redacted(context.url()))
    };
    let row = |name: String| ContextRow { url: url(&name).unwrap_or_default(), name };
    contexts.names().into_iter().map(row).collect()
}

impl Driver {
    /// Whether the dashboard is to end.
    fn handle(&mut self, came: Came) -> Result<bool, Failure> {
        let slept = self.awake.elapsed();
        self.awake = Moment::now();
        if slept >= SUSPENDED {
            self.model.now = now();
            update(&mut self.model, Msg::News(News::Suspended(slept)));
        }
        match came {
            Came::Msg(msg) => {
                // What is typed is seen at once.
                if matches!(msg, Msg::Key(_) | Msg::Paste(_) | Msg::Resize(..) | Msg::Mouse(_)) {
                    self.not_before = Instant::now();
                    self.model.now = now();
                }
                let effects = update(&mut self.model, msg);
                return self.carry_out(effects);
            }
            Came::Frame => {
                self.model.dirty = false;
                self.not_before = Instant::now() + FRAME;
                self.screen.draw(&self.model).map_err(|error| terminal_failed(&error))?;
            }
            Came::Signal(number) => {
                return Err(Failure::silent(u8::try_from(128 + number).unwrap_or(u8::MAX)));
            }
            Came::Gone => return Err(Failure::silent(Exit::Failed.code())),
            Came::Ended => {
                return Err(Failure::new(
                    Exit::Failed,
                    "the watch of the group ended unexpectedly",
                ));
            }
            Came::Nothing => {}
        }
        Ok(false)
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> Result<bool, Failure> {
        for effect in effects {
            let done = match effect {
                Effect::Quit => return Ok(true),
                Effect::Suspend => self.screen.suspend(),
                Effect::Redraw => self.screen.clear(),
                Effect::Mouse(on) => self.screen.set_mouse(on),
                Effect::Copy(text) => Screen::copy(&text),
                Effect::Contexts => {
                    let rows = contexts();
                    update(&mut self.model, Msg::News(News::Contexts(rows)));
                    Ok(())
                }
                Effect::Export { name, text } => {
                    self.tell(export::write(&name, &text));
                    Ok(())
                }
                Effect::Ask(ask) => {
                    self.ask(ask);
                    Ok(())
                }
            };
            done.map_err(|error| terminal_failed(&error))?;
            self.model.dirty = true;
        }
        Ok(false)
    }

    fn ask(&mut self, ask: Ask) {
        let result = match &self.source {
            Some(source) => source.ask(ask),
            // What is only shown beside a selection is left out.
            None if matches!(ask, Ask::Suitors(_)) => Ok(()),
            None => Err("not available for a file"),
        };
        if let Err(why) = result {
            self.tell(Err(why.to_owned()));
        }
    }

    /// Says what came of something that was done here.
    fn tell(&mut self, result: Result<String, String>) {
        let failed = result.is_err();
        let text = result.unwrap_or_else(|error| error);
        update(&mut self.model, Msg::News(News::Said { text, failed }));
    }
}
