//! The command line.

use std::path::PathBuf;

/// What `--help` prints, and what follows a wrong command line.
pub(crate) const USAGE: &str = "\
graylane-image MODULE... OUT [--revision COMMIT] [--created TIME]

  MODULE               a finished wasm module; its name says which one it is
  OUT                  the folder of the OCI image layout; one that is there is replaced
  --revision COMMIT    the commit that the module was built from
  --created TIME       when, as in 2026-11-26T08:00:00Z; left out, no time is written
";

/// What to put into images, and what to say of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Args {
    /// The wasm modules.
    pub(crate) modules: Vec<PathBuf>,
    /// Where the layout goes.
    pub(crate) output: PathBuf,
    /// The commit that the module was built from.
    pub(crate) revision: Option<String>,
    /// When that was.
    pub(crate) created: Option<String>,
}

/// A command line that was understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// Say how to use it.
    Help,
    /// Write the images.
    Run(Args),
}

/// Reads the command line without the program's name.
pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Parsed, String> {
    let mut words = words;
    let mut paths = Vec::new();
    let (mut revision, mut created) = (None, None);
    while let Some(word) = words.next() {
        let mut value =
            || words.next().filter(|value| !value.is_empty()).ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "-h" | "--help" => return Ok(Parsed::Help),
            "--revision" => revision = Some(value()?),
            "--created" => created = Some(value()?),
            flag if flag.starts_with('-') => return Err(format!("unknown flag {flag}")),
            path => paths.push(PathBuf::from(path)),
        }
    }
    let (Some(output), false) = (paths.pop(), paths.is_empty()) else {
        return Err("needs two paths or more: MODULE... and OUT".into());
    };
    Ok(Parsed::Run(Args { modules: paths, output, revision, created }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Parsed, String> {
        parse(line.split(' ').map(String::from))
    }

    #[test]
    fn flags_may_stand_anywhere() {
        let Parsed::Run(args) = words("in --created now out --revision abc").unwrap() else {
            panic!("help was not asked for");
        };
        assert_eq!((args.modules, args.output), (vec!["in".into()], "out".into()));
        assert_eq!((args.revision.as_deref(), args.created.as_deref()), (Some("abc"), Some("now")));
        let Parsed::Run(args) = words("one two out").unwrap() else {
            panic!("help was not asked for");
        };
        assert_eq!(args.modules, [PathBuf::from("one"), "two".into()]);
    }

    #[test]
    fn a_wrong_line_says_what_is_wrong() {
        for (line, said) in [
            ("in", "two paths"),
            ("in out --revision", "--revision needs a value"),
            ("in out --created ", "--created needs a value"),
            ("in out --push", "--push"),
        ] {
            let problem = words(line).unwrap_err();
            assert!(problem.contains(said), "{line}: {problem}");
        }
    }
}
