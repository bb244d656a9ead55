//! What is shown, and how: live on a terminal, plain lines anywhere else.

use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use console::{Style, Term, truncate_str};
use graylane_testbed::Result;

/// How often what is shown live is drawn again.
const FRAME: Duration = Duration::from_millis(66);
/// Cells of a bar.
const BAR: usize = 32;

/// When a frame is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// While the work goes on.
    Now,
    /// Once it is done; this frame stays.
    End,
}

/// Where lines go.
#[derive(Debug)]
pub(crate) struct Screen {
    term: Term,
    live: bool,
    /// Lines on the terminal that the next frame will take the place of.
    passing: Cell<usize>,
}

impl Screen {
    /// Standard output. It is plain, without any control code, unless it is a terminal and `NO_COLOR` is not set.
    pub(crate) fn open() -> Self {
        let term = Term::buffered_stdout();
        let told = |name, value: &str| std::env::var_os(name).is_some_and(|have| have == value);
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let live = term.is_term() && !no_color && !told("TERM", "dumb");
        Self { term, live, passing: Cell::new(0) }
    }

    /// The colours that go with it.
    pub(crate) fn paint(&self) -> Paint {
        Paint { live: self.live }
    }

    /// Writes a line that stays.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub(crate) fn line(&self, text: &str) -> Result<()> {
        self.clear()?;
        self.term.write_line(text)?;
        Ok(self.term.flush()?)
    }

    /// Writes lines that stay.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub(crate) fn lines(&self, text: &str) -> Result<()> {
        text.lines().try_for_each(|line| self.line(line))
    }

    /// Draws `frame` again and again while `work` goes on. The last frame stays.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub(crate) async fn live<T>(
        &self,
        frame: impl Fn(Moment) -> Vec<String>,
        work: impl Future<Output = T>,
    ) -> Result<T> {
        let mut work = pin!(work);
        let mut beat = tokio::time::interval(FRAME);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let done = loop {
            tokio::select! {
                done = &mut work => break done,
                _ = beat.tick(), if self.live => self.draw(Moment::Now, &frame(Moment::Now))?,
            }
        };
        self.draw(Moment::End, &frame(Moment::End))?;
        Ok(done)
    }

    fn draw(&self, moment: Moment, lines: &[String]) -> Result<()> {
        self.clear()?;
        let (_, width) = self.term.size();
        for line in lines {
            match moment {
                // A line that wraps would take two places, and the next frame would clear one.
                Moment::Now => {
                    self.term.write_line(&truncate_str(line, usize::from(width).saturating_sub(1), ""))?;
                }
                Moment::End => self.term.write_line(line)?,
            }
        }
        if moment == Moment::Now {
            self.passing.set(lines.len());
        }
        Ok(self.term.flush()?)
    }

    fn clear(&self) -> Result<()> {
        match self.passing.replace(0) {
            0 => Ok(()),
            lines => Ok(self.term.clear_last_lines(lines)?),
        }
    }
}

/// Colours and bars; none of them where the screen is plain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    live: bool,
}

impl Paint {
    fn with(self, style: Style, text: &str) -> String {
        if self.live { style.force_styling(true).apply_to(text).to_string() } else { text.to_owned() }
    }

    /// What the eye should find first.
    pub(crate) fn strong(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    /// What is beside the point.
    pub(crate) fn faint(self, text: &str) -> String {
        self.with(Style::new().dim(), text)
    }

    /// What went well.
    pub(crate) fn good(self, text: &str) -> String {
        self.with(Style::new().green(), text)
    }

    /// What went wrong.
    pub(crate) fn bad(self, text: &str) -> String {
        self.with(Style::new().red().bold(), text)
    }

    /// Text in the colour of a lane.
    pub(crate) fn lane(self, lane: &str, text: &str) -> String {
        let style = match lane {
            "blue" => Style::new().blue().bright(),
            "green" => Style::new().green(),
            "v2" | "B" => Style::new().magenta(),
            _ => Style::new().cyan(),
        };
        self.with(style, text)
    }

    /// A line with a bar in the colour of a lane: what `part` of `all` is, and what there is to say.
    pub(crate) fn bar(self, head: &str, lane: &str, part: u64, all: u64, says: &str) -> String {
        let bar = if self.live { blocks(part, all) } else { hashes(part, all) };
        format!("   {}  {}  {says}", self.lane(lane, &format!("{head:<6}")), self.lane(lane, &bar))
    }
}

/// How many of `steps` steps `part` of `all` is, rounded.
fn steps(part: u64, all: u64, steps: usize) -> usize {
    let steps = steps as u64;
    let filled = (part * steps + all / 2).checked_div(all).unwrap_or(0).min(steps);
    usize::try_from(filled).unwrap_or(0)
}

/// A bar that grows by eighths of a cell.
fn blocks(part: u64, all: u64) -> String {
    let eighths = steps(part, all, BAR * 8);
    let edge = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"].get(eighths % 8).copied().unwrap_or_default();
    let filled = format!("{}{edge}", "█".repeat(eighths / 8));
    let rest = BAR - eighths.div_ceil(8);
    format!("{filled}{}", "·".repeat(rest))
}

fn hashes(part: u64, all: u64) -> String {
    let filled = steps(part, all, BAR);
    format!("{}{}", "#".repeat(filled), ".".repeat(BAR - filled))
}

/// A number as people read it: `12,345`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A share as people read it: `50.9 %`.
pub(crate) fn share(part: u64, all: u64) -> String {
    let tenths = (part * 1000 + all / 2).checked_div(all).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A short time as people read it: `4.2 ms`.
pub(crate) fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [(0, 0), (1, 3), (509, 1_000), (7, 7)].map(|(part, all)| share(part, all)),
            ["0.0 %", "33.3 %", "50.9 %", "100.0 %"]
        );
        assert_eq!(millis(Duration::from_micros(4_249)), "4.2 ms");
    }

    #[test]
    fn bars_are_as_wide_whatever_they_show() {
        for part in 0..=300 {
            assert_eq!(console::measure_text_width(&blocks(part, 300)), BAR);
            assert_eq!(hashes(part, 300).len(), BAR);
        }
        assert_eq!(blocks(0, 0), "·".repeat(BAR));
        assert_eq!(blocks(9, 1), "█".repeat(BAR));
    }

    #[test]
    fn a_plain_screen_knows_no_control_codes() {
        let paint = Paint { live: false };
        let text = [paint.strong("a"), paint.bad("b"), paint.bar("blue", "blue", 1, 2, "says")].concat();
        assert!(text.is_ascii() && !text.contains('\x1b'), "{text}");
    }
}
