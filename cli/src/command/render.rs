//! `graylane render`: a policy as proxies and control planes read it.

pub(crate) mod envoy;
pub(crate) mod ingress_nginx;
pub(crate) mod mesh;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Subcommand;

use crate::Outcome;

#[derive(Debug, Subcommand)]
pub(crate) enum Render {
    Envoy(envoy::Options),
    Istio(mesh::IstioOptions),
    GatewayApi(mesh::GatewayApiOptions),
    Kubernetes(mesh::KubernetesOptions),
    IngressNginx(ingress_nginx::NginxOptions),
}

/// Renders a policy.
pub(crate) fn render(render: &Render) -> Result<Outcome> {
    match render {
        Render::Envoy(options) => envoy::render(options),
        Render::Istio(options) => mesh::istio(options),
        Render::GatewayApi(options) => mesh::gateway_api(options),
        Render::Kubernetes(options) => mesh::kubernetes(options),
        Render::IngressNginx(options) => ingress_nginx::ingress_nginx(options),
    }
}

/// Makes sure that what is rendered does not take the place of what it is rendered from.
pub(crate) fn is_another_file<'p>(output: &Path, read: impl Iterator<Item = &'p PathBuf>) -> Result<()> {
    let Ok(output) = output.canonicalize() else { return Ok(()) };
    for path in read {
        if path.canonicalize().is_ok_and(|path| path == output) {
            bail!("{} would be replaced by what is rendered from it; write to another file", path.display());
        }
    }
    Ok(())
}
