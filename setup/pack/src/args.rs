//! The command line.

use std::path::PathBuf;

/// What `--help` prints, and what follows a wrong command line.
pub(crate) const USAGE: &str = "\
graylane-pack IN OUT --exports FILE [--optimizer FILE] [--budget BYTES] [--forbid TEXT]... [--forbid-file FILE]...

  IN, OUT              the wasm module as rustc linked it, and the packed one
  --exports FILE       the exports to keep, one a line; each must be there
  --optimizer FILE     binaryen's wasm-opt, to make it smaller
  --budget BYTES       the most the packed module may weigh (400000)
  --forbid TEXT        text that must not stand in the packed module
  --forbid-file FILE   the same, one a line
  Files: empty lines and what follows `#` are left out.
";

/// The size of the default module that is not exceeded.
const BUDGET: usize = 400_000;

/// What to pack, and what to hold it to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Args {
    /// The module as it was linked.
    pub(crate) input: PathBuf,
    /// Where the packed one goes.
    pub(crate) output: PathBuf,
    /// The list of exports to keep.
    pub(crate) exports: PathBuf,
    /// Binaryen's wasm-opt, where it is to be made smaller.
    pub(crate) optimizer: Option<PathBuf>,
    /// The most bytes the packed module may have.
    pub(crate) budget: usize,
    /// Texts that must not be in it.
    pub(crate) forbidden: Vec<String>,
    /// Lists of such texts.
    pub(crate) forbidden_files: Vec<PathBuf>,
}

/// A command line that was understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// Say how to use it.
    Help,
    /// Pack.
    Run(Args),
}

/// Reads the command line without the program's name.
pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Parsed, String> {
    let mut words = words;
    let mut paths = Vec::new();
    let (mut exports, mut optimizer, mut budget) = (None, None, BUDGET);
    let (mut forbidden, mut forbidden_files) = (Vec::new(), Vec::new());
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "-h" | "--help" => return Ok(Parsed::Help),
            "--exports" => exports = Some(PathBuf::from(value()?)),
            "--optimizer" => optimizer = Some(PathBuf::from(value()?)),
            "--budget" => {
                let given = value()?;
                budget = given.parse().map_err(|_| format!("--budget {given}: not a number of bytes"))?;
            }
            "--forbid" => forbidden.push(value()?),
            "--forbid-file" => forbidden_files.push(PathBuf::from(value()?)),
            flag if flag.starts_with('-') => return Err(format!("unknown flag {flag}")),
            path => paths.push(PathBuf::from(path)),
        }
    }
    let Ok([input, output]) = <[PathBuf; 2]>::try_from(paths) else {
        return Err("needs two paths: IN and OUT".into());
    };
    let exports = exports.ok_or("needs --exports FILE")?;
    if forbidden.iter().any(String::is_empty) {
        return Err("--forbid needs a text".into());
    }
    Ok(Parsed::Run(Args { input, output, exports, optimizer, budget, forbidden, forbidden_files }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Parsed, String> {
        parse(line.split(' ').map(String::from))
    }

    #[test]
    fn flags_may_stand_anywhere_and_repeat() {
        let Parsed::Run(args) = words("in --forbid a --exports list out --forbid b --budget 7").unwrap()
        else {
            panic!("help was not asked for");
        };
        assert_eq!((args.input, args.output, args.exports), ("in".into(), "out".into(), "list".into()));
        assert_eq!((args.budget, args.forbidden), (7, vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn a_wrong_line_says_what_is_wrong() {
        for (line, said) in [
            ("in out", "--exports"),
            ("in --exports list", "two paths"),
            ("in out third --exports list", "two paths"),
            ("in out --exports", "needs a value"),
            ("in out --exports list --budget many", "many"),
            ("in out --exports list --fast", "--fast"),
        ] {
            let problem = words(line).unwrap_err();
            assert!(problem.contains(said), "{line}: {problem}");
        }
    }
}
