//! The values that can be given, and how they are asked for.

/// A value that whoever starts from an example says differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flag {
    /// The hosts of the release.
    Host,
    /// The name of the release.
    Service,
    /// The name of the second release, where there are two.
    Other,
    /// The hosts of the second release.
    OtherHost,
    /// The path.
    Path,
    /// The lane of everybody else.
    Stable,
    /// The lane on trial.
    Candidate,
    /// The lane that serves in its place.
    Fallback,
    /// The lane of everybody, of two.
    Active,
    /// The other one.
    Idle,
    /// The group that is compared with.
    Control,
    /// The group that is compared.
    Variant,
    /// Its share.
    Percent,
    /// The name of a layer.
    Layer,
    /// The name of a header.
    Header,
    /// The name of a cookie.
    Cookie,
    /// The name of a claim.
    Claim,
    /// What header, cookie or claim must be.
    Value,
    /// Gray ids.
    Id,
    /// Tenants.
    Tenant,
    /// A range of versions.
    Range,
    /// Networks.
    Network,
    /// The groupId of Unleash.
    GroupId,
    /// When a ramp starts.
    Start,
    /// A deadline.
    Until,
    /// The salt.
    Salt,
}

impl Flag {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Flag; 26] = [
        Flag::Host,
        Flag::Service,
        Flag::Other,
        Flag::OtherHost,
        Flag::Path,
        Flag::Stable,
        Flag::Candidate,
        Flag::Fallback,
        Flag::Active,
        Flag::Idle,
        Flag::Control,
        Flag::Variant,
        Flag::Percent,
        Flag::Layer,
        Flag::Header,
        Flag::Cookie,
        Flag::Claim,
        Flag::Value,
        Flag::Id,
        Flag::Tenant,
        Flag::Range,
        Flag::Network,
        Flag::GroupId,
        Flag::Start,
        Flag::Until,
        Flag::Salt,
    ];

    /// The name on the command line, what its value is called, and what it means.
    const fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Flag::Host => ("host", "HOST", "A host that is governed, like shop.example.com or *.example.com"),
            Flag::Service => ("service", "NAME", "The name of the release, for a service or an experiment"),
            Flag::Other => ("other", "NAME", "The name of the second release"),
            Flag::OtherHost => ("other-host", "HOST", "A host that the second release governs"),
            Flag::Path => ("path", "PATH", "What the path starts with"),
            Flag::Stable => ("stable", "LANE", "The lane of everybody else"),
            Flag::Candidate => ("candidate", "LANE", "The lane on trial"),
            Flag::Fallback => {
                ("fallback", "LANE", "The lane that serves while the one on trial is unavailable")
            }
            Flag::Active => ("active", "LANE", "The lane of everybody"),
            Flag::Idle => ("idle", "LANE", "The other lane"),
            Flag::Control => ("control", "LANE", "The lane of the control group"),
            Flag::Variant => ("variant", "LANE", "The lane of the second group"),
            Flag::Percent => ("percent", "P", "The share of the lane on trial or the second group, 0 to 100"),
            Flag::Layer => ("layer", "NAME", "The name of the layer"),
            Flag::Header => ("header", "NAME", "The header that is looked at"),
            Flag::Cookie => ("cookie", "NAME", "The cookie that is looked at"),
            Flag::Claim => ("claim", "NAME", "The claim that is looked at"),
            Flag::Value => ("value", "TEXT", "What header, cookie or claim must be"),
            Flag::Id => ("id", "ID", "The gray id of a tester"),
            Flag::Tenant => ("tenant", "TENANT", "A tenant, as the traffic label names it"),
            Flag::Range => {
                ("range", "RANGE", "The range of versions, as Cargo writes it, like \">=3.2, <4\"")
            }
            Flag::Network => ("network", "NETWORK", "A network or an address, like 10.0.0.0/8 or ::1"),
            Flag::GroupId => {
                ("group-id", "TEXT", "The groupId of the strategy in Unleash, or else the flag's name")
            }
            Flag::Start => {
                ("start", "TIME", "When it starts, with its offset, like 2026-12-01T09:00:00+01:00")
            }
            Flag::Until => ("until", "TIME", "The deadline, with its offset, like 2026-12-01T09:00:00+01:00"),
            Flag::Salt => ("salt", "TEXT", "What decides, with the gray id, who is in"),
        }
    }

    /// The name on the command line, without its dashes.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// What its value is called in help texts.
    pub const fn value_name(self) -> &'static str {
        self.row().1
    }

    /// What it means.
    pub const fn help(self) -> &'static str {
        self.row().2
    }

    /// The name as people write it.
    pub fn shown(self) -> String {
        format!("--{}", self.name())
    }
}
