//! The written sticky cookie of a release -> what it remembers.

use super::{Context, check};
use crate::arena::{Arena, position};
use crate::error::{At, OneOf, Problem, Quoted, may_be_secret, shown_id};
use crate::plan::{Proof, Sticky};
use crate::policy::{Release, Revisions};
use crate::settings::{Cookie, Key};

/// The sticky cookie of the release of that name; `group_cookie` is another one that it sets.
pub(super) fn sticky(
    release: &Release,
    name: &str,
    group_cookie: Option<&Cookie>,
    context: &Context<'_>,
    arena: &mut Arena,
    at: &mut At<'_>,
) -> Option<Sticky> {
    let written = release.sticky.as_ref()?;
    let cookie = check::cookie(&written.cookie, &format!("gray_{name}"), &mut at.key("cookie"));
    let id_cookie = context.settings.id_cookie.as_ref();
    let others = [("identity.cookie", id_cookie), ("ab.cookie", group_cookie)];
    for (place, other) in others {
        if other.is_some_and(|other| other.name == cookie.name) {
            let allowed = format_args!("{place} has this name already");
            at.key("cookie").key("name").error(Problem::Duplicate, Quoted(&cookie.name), allowed);
        }
    }
    let keys = context.settings.keys.as_deref();
    let proof = written.key.as_ref().map_or(Proof::None, |id| proof(id, keys, &mut at.key("key")));
    let cookie = arena.cookie(&cookie);
    Some(Sticky { cookie, proof, any_revision: written.revisions == Some(Revisions::Any) })
}

/// The key of this id among those of the plugin, where there is one.
pub(super) fn proof(id: &str, keys: Option<&[Key]>, at: &mut At<'_>) -> Proof {
    let known = keys.and_then(|keys| keys.iter().position(|key| *key.id == *id));
    if id.is_empty() {
        at.error(Problem::Required, "", "the id of a key; without `key` nothing is signed");
    } else if let (Some(keys), None) = (keys, known) {
        missing_key(id, keys.iter().map(|key| &*key.id), at);
    }
    known.map_or(Proof::UnknownKey, |at| Proof::Key(position(at)))
}

/// The policy names a key that is not there. What may be a secret is not shown.
fn missing_key<'k>(id: &str, ids: impl Iterator<Item = &'k str>, at: &mut At<'_>) {
    let ids: Vec<String> = ids.enumerate().map(|(index, id)| shown_id(index, id)).collect();
    let shown = if may_be_secret(id) { String::new() } else { Quoted(id).to_string() };
    at.error(Problem::NotFound, shown, OneOf(&ids));
}
