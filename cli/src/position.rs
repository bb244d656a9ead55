//! Where in a file a value stands: the file is parsed a second time, for its positions alone, and only when there is
//! something to show.
//!
//! The tree that the engine reads has none, since the module has no use for them. A mistake says where it is by its
//! path, and the path leads to the place here too: through aliases to what they stand for, and through merge keys to
//! the map that they bring in. What is not there, like a required key, stands where the nearest thing around it does.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, Span, StructureStyle};
use graylane::error::{FieldError, Problem, Quoted};

/// A piece of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The line, counted from 1.
    pub line: usize,
    /// The character of the line, counted from 1.
    pub column: usize,
    /// The bytes of the file; none where something is missing. The line that is shown holds the first of them.
    pub bytes: Range<usize>,
}

impl Position {
    /// The position of a character, by its line and column.
    pub fn at(text: &str, line: usize, column: usize) -> Self {
        let text_of_line = lines(text).nth(line.saturating_sub(1)).unwrap_or(text.len()..text.len());
        let within = text.get(text_of_line.clone()).unwrap_or_default();
        // A byte order mark is no character of its line.
        let mut chars = within.char_indices().filter(|(_, char)| *char != '\u{feff}');
        let offset = chars.nth(column.saturating_sub(1)).map(|(offset, _)| offset);
        let start = text_of_line.start.saturating_add(offset.unwrap_or(within.len()));
        Position { line: line.max(1), column: column.max(1), bytes: start..start }
    }

    /// The position of what was parsed.
    pub(crate) fn of(span: &Span) -> Self {
        Position {
            line: span.start.line(),
            column: span.start.col().saturating_add(1),
            bytes: span.byte_range().unwrap_or_default(),
        }
    }

    /// Where nothing better is known.
    fn start() -> Self {
        Position { line: 1, column: 1, bytes: 0..0 }
    }
}

/// The bytes of each line, without what ends it: a line feed, a carriage return, or both, as YAML has it.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut rest = Some(0);
    std::iter::from_fn(move || {
        let start = rest?;
        let tail = text.get(start..).unwrap_or_default();
        let Some(length) = tail.find(['\n', '\r']) else {
            rest = None;
            return Some(start..text.len());
        };
        let end = start.saturating_add(length);
        let two = tail.get(length..).is_some_and(|tail| tail.starts_with("\r\n"));
        rest = Some(end.saturating_add(if two { 2 } else { 1 }));
        Some(start..end)
    })
}

/// Where a mistake stands.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// The value, or the key where that is at fault.
    pub position: Position,
    /// The line of the alias by which the path comes there, if it does.
    pub through: Option<usize>,
}

/// The places of a document.
#[derive(Debug, Default)]
pub struct Positions<'t> {
    places: Vec<Place<'t>>,
    root: Option<usize>,
}

#[derive(Debug)]
struct Place<'t> {
    position: Position,
    content: Content<'t>,
}

impl Place<'_> {
    /// Whether its bytes are known: it is there, and no list or map in lines of its own.
    fn is_in_line(&self) -> bool {
        let is_block = matches!(self.content, Content::List(false, _) | Content::Map(false, _));
        !is_block && !self.position.bytes.is_empty()
    }
}

#[derive(Debug)]
enum Content<'t> {
    Scalar(Cow<'t, str>),
    /// Whether it is written in brackets, and what is in it.
    List(bool, Vec<usize>),
    /// Whether it is written in braces, and what is in it.
    Map(bool, Vec<Entry>),
    Alias(Option<usize>),
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    key: usize,
    value: usize,
}

/// The key that YAML replaces by the map under it.
const MERGE: &str = "<<";

impl<'t> Positions<'t> {
    /// Parses a document. What cannot be parsed has no places: every mistake is then at the start of the file.
    pub fn of(text: &'t str) -> Self {
        let mut building = Building::default();
        let options = granit_parser::options! { emit_comments: false };
        for event in Parser::new_from_str_with_options(text, options) {
            match event {
                Ok((Event::DocumentEnd, _)) => break,
                Ok((event, span)) => building.take(event, &span),
                Err(_) => return Positions::default(),
            }
        }
        building.positions
    }

    /// Where a mistake stands. `before` counts the mistakes of the same kind with the same path: a key may be unknown, or
    /// be there already, more than once.
    pub fn find(&self, error: &FieldError, before: usize) -> Found {
        let mut steps = steps(&error.path);
        let mut walk = Walk { positions: self, at: self.root, key: None, through: None };
        let Some(last) = steps.pop() else { return walk.value() };
        if !steps.iter().all(|step| walk.step(step, 0)) {
            return walk.key();
        }
        let keys_at_fault = match error.problem {
            Problem::UnknownField => Some(before),
            // Where the key is there but once, it is the value that another has already.
            Problem::Duplicate => Some(before.saturating_add(1)),
            _ => None,
        };
        if keys_at_fault.is_some_and(|wanted| walk.step(&last, wanted)) || !walk.step(&last, 0) {
            return walk.key();
        }
        match &last {
            Step::Key(key) if shows(&error.value, key) && !walk.holds(key) => walk.key(),
            _ => walk.blamed(&error.value).unwrap_or_else(|| walk.value()),
        }
    }

    /// The bytes of the value at a path, and of the key that it stands under; none where nothing stands there, or a list or
    /// map in lines of its own.
    pub fn bytes(&self, path: &str) -> Option<(Range<usize>, Option<Range<usize>>)> {
        let mut walk = Walk { positions: self, at: self.root, key: None, through: None };
        let is_there = steps(path).iter().all(|step| walk.step(step, 0));
        let value = walk.place().filter(|place| is_there && place.is_in_line())?;
        let key = walk.key.and_then(|key| self.place(key));
        Some((value.position.bytes.clone(), key.map(|key| key.position.bytes.clone())))
    }

    fn place(&self, index: usize) -> Option<&Place<'t>> {
        self.places.get(index)
    }

    /// What an alias stands for, and anything else itself.
    fn resolved(&self, index: usize) -> Option<&Place<'t>> {
        match self.place(index)? {
            Place { content: Content::Alias(target), .. } => self.place((*target)?),
            place => Some(place),
        }
    }

    fn text(&self, index: usize) -> Option<&str> {
        match &self.resolved(index)?.content {
            Content::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The entry of a key, the `wanted`th one counted from 0; and the alias of the map that brought it in.
    fn entry(&self, entries: &[Entry], key: &str, wanted: usize) -> Option<(Entry, Option<usize>)> {
        let mut own = entries.iter().filter(|entry| self.text(entry.key) == Some(key));
        if let Some(entry) = own.nth(wanted) {
            return Some((*entry, None));
        }
        if wanted > 0 {
            return None;
        }
        let merged = entries.iter().filter(|entry| self.text(entry.key) == Some(MERGE));
        merged.into_iter().find_map(|merge| match &self.resolved(merge.value)?.content {
            Content::Map(_, entries) => {
                let (entry, _) = self.entry(entries, key, 0)?;
                Some((entry, Some(merge.value)))
            }
            Content::List(_, maps) => maps.iter().find_map(|map| match &self.resolved(*map)?.content {
                Content::Map(_, entries) => Some((self.entry(entries, key, 0)?.0, Some(*map))),
                _ => None,
            }),
            _ => None,
        })
    }
}

/// On the way along a path.
struct Walk<'p, 't> {
    positions: &'p Positions<'t>,
    at: Option<usize>,
    /// The key under which this stands.
    key: Option<usize>,
    /// The first alias on the way.
    through: Option<usize>,
}

impl<'p, 't> Walk<'p, 't> {
    fn place(&self) -> Option<&'p Place<'t>> {
        self.positions.place(self.at?)
    }

    /// Goes on to a part of what stands here, if there is one.
    fn step(&mut self, step: &Step, wanted: usize) -> bool {
        let Some(place) = self.at.and_then(|at| self.positions.resolved(at)) else { return false };
        let (at, key, merged) = match (&place.content, step) {
            (Content::Map(_, entries), Step::Key(key)) => {
                let Some((entry, merged)) = self.positions.entry(entries, key, wanted) else { return false };
                (entry.value, Some(entry.key), merged)
            }
            // A key that is not shown is told by its position.
            (Content::Map(_, entries), Step::Index(index)) => {
                let Some(entry) = entries.get(*index) else { return false };
                (entry.value, Some(entry.key), None)
            }
            (Content::List(_, items), Step::Index(index)) => {
                let Some(item) = items.get(*index) else { return false };
                (*item, None, None)
            }
            _ => return false,
        };
        for alias in [self.at, merged] {
            if self.through.is_none() && alias.is_some_and(|alias| self.is_alias(alias)) {
                self.through = alias;
            }
        }
        (self.at, self.key) = (Some(at), key);
        true
    }

    fn is_alias(&self, index: usize) -> bool {
        self.positions.place(index).is_some_and(|place| matches!(place.content, Content::Alias(_)))
    }

    /// Whether what stands here is this text.
    fn holds(&self, text: &str) -> bool {
        self.at.is_some_and(|at| self.positions.text(at) == Some(text))
    }

    /// The only key of what stands here, where that is what the mistake quotes: a variant that does not exist.
    fn blamed(&self, value: &str) -> Option<Found> {
        let Content::Map(_, entries) = &self.place()?.content else { return None };
        let [entry] = entries.as_slice() else { return None };
        shows(value, self.positions.text(entry.key)?).then(|| self.found(self.positions.place(entry.key)))
    }

    /// The value; its key where the value starts on a line of its own, or is not there at all.
    fn value(&self) -> Found {
        match self.place().filter(|place| place.is_in_line()) {
            Some(place) => self.found(Some(place)),
            None => self.key(),
        }
    }

    /// The key under which this stands. What has none is shown by its start.
    fn key(&self) -> Found {
        self.found(self.key.and_then(|key| self.positions.place(key)).or_else(|| self.place()))
    }

    fn found(&self, place: Option<&Place<'_>>) -> Found {
        let line = |alias: usize| self.positions.place(alias).map(|place| place.position.line);
        Found {
            position: place.map_or_else(Position::start, |place| place.position.clone()),
            through: self.through.and_then(line),
        }
    }
}

/// Whether the value of a mistake is this text, of which it may show but the start.
fn shows(value: &str, text: &str) -> bool {
    let quoted = Quoted(text).to_string();
    value == quoted || value.strip_suffix('…').is_some_and(|start| quoted.starts_with(start))
}

/// The places that are read, and the lists and maps that are not closed yet.
#[derive(Default)]
struct Building<'t> {
    positions: Positions<'t>,
    open: Vec<Open>,
    /// Places by the number of their anchor.
    anchors: HashMap<usize, usize>,
}

struct Open {
    place: usize,
    key: Option<usize>,
}

impl<'t> Building<'t> {
    fn take(&mut self, event: Event<'t>, span: &Span) {
        let is_flow = |style: StructureStyle| style == StructureStyle::Flow;
        match event {
            Event::Scalar(text, _, anchor, _) => {
                let place = self.add(Content::Scalar(text), anchor, span);
                self.close(place);
            }
            Event::Alias(anchor) => {
                let place = self.add(Content::Alias(self.anchors.get(&anchor).copied()), 0, span);
                self.close(place);
            }
            Event::SequenceStart(style, anchor, _) => {
                let place = self.add(Content::List(is_flow(style), Vec::new()), anchor, span);
                self.open.push(Open { place, key: None });
            }
            Event::MappingStart(style, anchor, _) => {
                let place = self.add(Content::Map(is_flow(style), Vec::new()), anchor, span);
                self.open.push(Open { place, key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { place, .. }) = self.open.pop() else { return };
                if let Some(Place { position, content: Content::List(true, _) | Content::Map(true, _) }) =
                    self.positions.places.get_mut(place)
                {
                    position.bytes.end = span.end.byte_offset().unwrap_or(position.bytes.end);
                }
                self.close(place);
            }
            _ => {}
        }
    }

    fn add(&mut self, content: Content<'t>, anchor: usize, span: &Span) -> usize {
        let place = self.positions.places.len();
        self.positions.places.push(Place { position: Position::of(span), content });
        if anchor > 0 {
            self.anchors.insert(anchor, place);
        }
        place
    }

    /// Puts a place that is complete into what stands around it.
    fn close(&mut self, place: usize) {
        let Some(around) = self.open.last_mut() else {
            self.positions.root = Some(place);
            return;
        };
        match self.positions.places.get_mut(around.place).map(|around| &mut around.content) {
            Some(Content::List(_, items)) => items.push(place),
            Some(Content::Map(_, entries)) => match around.key.take() {
                Some(key) => entries.push(Entry { key, value: place }),
                None => around.key = Some(place),
            },
            _ => {}
        }
    }
}

/// A step of a path, read back from its text.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if let Some((index, tail)) = rest.strip_prefix('[').and_then(|tail| tail.split_once(']')) {
            steps.push(Step::Index(index.parse().unwrap_or(usize::MAX)));
            rest = tail;
        } else if let Some((key, tail)) = unquoted(rest) {
            steps.push(Step::Key(key));
            rest = tail;
        } else {
            let (key, tail) =
                rest.split_at_checked(rest.find(['.', '[']).unwrap_or(rest.len())).unwrap_or((rest, ""));
            steps.push(Step::Key(key.to_owned()));
            rest = tail;
        }
    }
    steps
}

/// The last key of a path, where a key is what it ends with.
pub(crate) fn last_key(path: &str) -> Option<String> {
    match steps(path).pop()? {
        Step::Key(key) => Some(key),
        Step::Index(_) => None,
    }
}

/// The text that [`Quoted`] wrote at the start of this, and what follows it.
pub(crate) fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut chars = text.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => return Some((key, chars.as_str())),
            '\\' => match chars.next()? {
                'n' => key.push('\n'),
                'u' => {
                    let digits = chars.as_str().get(..4)?;
                    key.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
                    chars = chars.as_str().get(4..)?.chars();
                }
                char => key.push(char),
            },
            char => key.push(char),
        }
    }
}
