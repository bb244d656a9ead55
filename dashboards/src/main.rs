//! Writes Grafana's dashboards and the operator's rules anew.

use anyhow::{Context, Result};

fn main() -> Result<()> {
    for (path, text) in graylane_dashboards::files()? {
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
