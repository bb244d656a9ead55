//! `graylane-image`: the wasm module as OCI images.
//!
//! Writes one OCI image layout with two images of each module, the two that Istio's image fetcher and those made after it read:
//!
//! - `VERSION`, the *artifact*: the module as it is, in a layer with a media type of its own;
//! - `VERSION-compat`: an image like any other, with one compressed layer that holds `plugin.wasm`.
//!
//! Those of `graylane-telemetry.wasm` are `VERSION-telemetry` and `VERSION-telemetry-compat`.
//!
//! The same module and the same facts give the same bytes, and so the same digests. Nothing is sent anywhere.

mod archive;
mod args;
mod facts;
mod image;
mod layout;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::args::{Args, Parsed};
use crate::facts::Facts;
use crate::layout::Layout;

fn main() -> ExitCode {
    match args::parse(std::env::args().skip(1)) {
        Ok(Parsed::Help) => {
            print!("{}", args::USAGE);
            ExitCode::SUCCESS
        }
        Ok(Parsed::Run(args)) => match run(&args) {
            Ok(images) => {
                for (name, digest) in images {
                    println!("{name} {digest}");
                }
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("graylane-image: error: {error:#}");
                ExitCode::FAILURE
            }
        },
        Err(problem) => {
            eprintln!("graylane-image: error: {problem}\n\n{}", args::USAGE);
            ExitCode::from(2)
        }
    }
}

/// Writes the layout and returns the names and digests of its images.
fn run(args: &Args) -> Result<Vec<(String, String)>> {
    let mut layout = Layout::create(&args.output)?;
    for path in &args.modules {
        let named = || path.display().to_string();
        let module = fs::read(path).with_context(|| format!("cannot read {}", named()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let facts =
            Facts::of(&name, &module, args.revision.clone(), args.created.clone()).with_context(named)?;
        image::artifact(&mut layout, &module, &facts)?;
        image::compat(&mut layout, &module, &facts)?;
    }
    layout.finish()
}
