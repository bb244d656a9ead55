//! Questions on a terminal.

use std::fmt;

use anyhow::{Context, Result};
use graylane_cli::init::{Draft, Flag, Intent, Shape};
use inquire::validator::Validation;
use inquire::{InquireError, Select, Text};

/// An intent as it stands in a list.
struct Choice(&'static Intent);

impl fmt::Display for Choice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Choice(intent) = self;
        write!(out, "{:18}  {}", intent.name, intent.what())
    }
}

/// Asks what the policy is for; none where somebody stops.
pub(super) fn intent() -> Result<Option<&'static Intent>> {
    let choices = Intent::ALL.iter().map(Choice).collect();
    let asked = Select::new("What is the policy for?", choices).with_page_size(Intent::ALL.len());
    Ok(answered(asked.prompt())?.map(|Choice(intent)| intent))
}

/// Asks for every value that is not given yet; `false` where somebody stops.
pub(super) fn values(draft: &mut Draft) -> Result<bool> {
    for flag in draft.intent().flags().filter(|flag| !draft.has(*flag)).collect::<Vec<_>>() {
        let shape = draft.intent().shape(flag);
        let default = draft.values(flag).join(", ");
        let mut asked = Text::new(flag.help()).with_default(&default);
        if shape == Shape::List {
            asked = asked.with_help_message("several with commas between");
        }
        let trial = draft.clone();
        let asked = asked.with_validator(move |answer: &str| {
            let mut trial = trial.clone();
            trial.give(flag, values_of(answer, shape));
            Ok(mistake(&trial, flag).map_or(Validation::Valid, |told| Validation::Invalid(told.into())))
        });
        let Some(answer) = answered(asked.prompt())? else { return Ok(false) };
        draft.give(flag, values_of(&answer, shape));
    }
    Ok(true)
}

/// What is wrong with the value of a flag, without its name.
fn mistake(draft: &Draft, flag: Flag) -> Option<String> {
    let mistakes = draft.policy().err()?;
    let mistake = mistakes.into_iter().find(|mistake| mistake.path == flag.shown())?;
    let shown = mistake.to_string();
    Some(shown.strip_prefix(&format!("{}: ", mistake.path)).unwrap_or(&shown).to_owned())
}

fn values_of(answer: &str, shape: Shape) -> Vec<String> {
    match shape {
        Shape::List => answer.split(',').map(|value| value.trim().to_owned()).collect(),
        Shape::Text | Shape::Number => vec![answer.to_owned()],
    }
}

/// The answer; none where somebody stops by Ctrl-C or Esc.
fn answered<T>(asked: Result<T, InquireError>) -> Result<Option<T>> {
    match asked {
        Ok(answer) => Ok(Some(answer)),
        Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => Ok(None),
        Err(fault) => Err(fault).context("cannot ask"),
    }
}
