//! `graylane-pack`: the last step of the module's build.
//!
//! The SDK exports every callback that a host could call, and Envoy calls what a module exports: each callback that
//! does nothing still costs a call into the VM per request. This tool keeps the exports on a list, drops the code that
//! nothing reaches any more, has the rest made smaller, and refuses a result that is too big or that holds what must not be in it.

mod args;
mod content;
mod list;
mod optimize;
mod trim;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::args::{Args, Parsed};

fn main() -> ExitCode {
    match args::parse(std::env::args().skip(1)) {
        Ok(Parsed::Help) => {
            print!("{}", args::USAGE);
            ExitCode::SUCCESS
        }
        Ok(Parsed::Run(args)) => match run(&args) {
            Ok(line) => {
                println!("{line}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("graylane-pack: error: {}: {error:#}", args.input.display());
                ExitCode::FAILURE
            }
        },
        Err(problem) => {
            eprintln!("graylane-pack: error: {problem}\n\n{}", args::USAGE);
            ExitCode::from(2)
        }
    }
}

/// Packs as told and returns the one line that says what came out.
fn run(args: &Args) -> Result<String> {
    let keep = list::read(&args.exports)?;
    let mut forbidden = args.forbidden.clone();
    for file in &args.forbidden_files {
        forbidden.extend(list::read(file)?);
    }
    let input = fs::read(&args.input).context("cannot read")?;
    let trimmed = trim::trim(&input, &keep)?;
    let packed = match &args.optimizer {
        Some(program) => optimize::optimize(&trimmed, program, &args.output)?,
        None => trimmed,
    };
    check(&packed, args.budget, &forbidden)?;
    replace(&args.output, &packed)?;
    Ok(format!(
        "{}: {} -> {} bytes of {} allowed, {} exports",
        args.output.display(),
        input.len(),
        packed.len(),
        args.budget,
        keep.len()
    ))
}

/// Every objection to the packed module at once.
fn check(packed: &[u8], budget: usize, forbidden: &[String]) -> Result<()> {
    let mut problems = Vec::new();
    if packed.len() > budget {
        problems.push(format!("{} bytes, {budget} allowed", packed.len()));
    }
    for hit in content::find(packed, forbidden) {
        problems.push(format!("holds {:?}, which must not be in it: {:?}", hit.text, hit.around));
    }
    if !problems.is_empty() {
        bail!("{}", problems.join("\n    "));
    }
    Ok(())
}

/// Puts the file in place whole: a proxy may be reading the old one.
fn replace(output: &Path, bytes: &[u8]) -> Result<()> {
    let mut beside = output.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, bytes).with_context(|| format!("cannot write {}", Path::new(&beside).display()))?;
    fs::rename(&beside, output).with_context(|| format!("cannot write {}", output.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_objection_is_told_at_once() {
        let problems =
            check(b"saw /home/ann here", 3, &["/home/".into(), "absent".into()]).unwrap_err().to_string();
        assert!(problems.contains("18 bytes, 3 allowed"), "{problems}");
        assert!(problems.contains(r#"holds "/home/""#), "{problems}");
        assert!(!problems.contains("absent"), "{problems}");
    }

    #[test]
    fn a_module_of_exactly_the_budget_passes() {
        check(b"1234", 4, &[]).unwrap();
        check(b"12345", 4, &[]).unwrap_err();
    }
}
