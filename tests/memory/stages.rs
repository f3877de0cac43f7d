//! Stage documents: stored as bytes, changed by conditional writes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bluestage::ports::{Etag, Fault, Stages, Stored, Written};
use bluestage::release::document::{self, DocumentError};
use bluestage::release::{Stage, StageName};

use super::line::{Landed, Line};

type Transition = Box<dyn FnOnce(&mut Stage) + Send>;

/// What is about to be written when somebody else comes first.
type When = Box<dyn Fn(&Stage) -> bool + Send>;

struct Object {
    bytes: Vec<u8>,
    etag: Etag,
    /// What a reader of the bytes finds, where they are known to be good: reading them each time takes most of the time
    /// of a long story.
    stage: Option<Arc<Stage>>,
}

impl Object {
    fn new(bytes: Vec<u8>, stage: Option<Arc<Stage>>) -> Self {
        Self { etag: etag_of(&bytes), bytes, stage }
    }

    fn stage(&self, name: &StageName) -> Result<Stage, DocumentError> {
        match &self.stage {
            Some(stage) => Ok(Stage::clone(stage)),
            None => document::parse(name, &self.bytes),
        }
    }
}

#[derive(Default)]
struct Objects {
    stored: BTreeMap<StageName, Object>,
    /// Every document that was ever stored, oldest first.
    history: Vec<Arc<Stage>>,
    /// What somebody else does just before the next writes of this kind.
    meanwhile: VecDeque<(When, Transition)>,
    /// Answers of the next writes: a conflict, whether or not the write has landed.
    conflicts: VecDeque<Landed>,
}

/// Where they are said to be.
pub(crate) const PLACE: &str = "s3://in-memory/stages";

/// Stage documents in memory.
pub(crate) struct MemoryStages {
    line: Arc<Line>,
    objects: Arc<Mutex<Objects>>,
}

impl MemoryStages {
    pub(crate) fn new(line: Arc<Line>) -> Self {
        Self { line, objects: Arc::default() }
    }

    /// The same documents over another line.
    pub(crate) fn over(&self, line: Arc<Line>) -> Self {
        Self { line, objects: Arc::clone(&self.objects) }
    }

    /// The stage as it is stored.
    pub(crate) fn now(&self, name: &StageName) -> Option<Stage> {
        let objects = self.objects.lock().unwrap();
        let object = objects.stored.get(name)?;
        Some(object.stage(name).unwrap())
    }

    /// Every document that was ever stored, oldest first.
    pub(crate) fn history(&self) -> Vec<Stage> {
        self.stored_since(0).iter().map(|stage| Stage::clone(stage)).collect()
    }

    /// The documents that were stored after the first `known` ones.
    pub(crate) fn stored_since(&self, known: usize) -> Vec<Arc<Stage>> {
        self.objects.lock().unwrap().history[known..].to_vec()
    }

    /// Somebody else changes the stage just before the next write that was not yet spoken for.
    pub(crate) fn meanwhile(&self, transition: impl FnOnce(&mut Stage) + Send + 'static) {
        self.meanwhile_when(|_| true, transition);
    }

    /// Somebody else changes the stage just before the first write that would make it so.
    pub(crate) fn meanwhile_when(
        &self,
        when: impl Fn(&Stage) -> bool + Send + 'static,
        transition: impl FnOnce(&mut Stage) + Send + 'static,
    ) {
        let mut objects = self.objects.lock().unwrap();
        let planned = (Box::new(when) as When, Box::new(transition) as Transition);
        objects.meanwhile.push_back(planned);
    }

    /// The next write is answered with a conflict.
    pub(crate) fn conflict(&self, landed: Landed) {
        self.objects.lock().unwrap().conflicts.push_back(landed);
    }

    /// Stores bytes as they are, whatever they say.
    pub(crate) fn put(&self, name: &StageName, bytes: &[u8]) {
        let mut objects = self.objects.lock().unwrap();
        objects.stored.insert(name.clone(), Object::new(bytes.to_vec(), None));
    }

    /// Takes the document away.
    pub(crate) fn forget(&self, name: &StageName) {
        self.objects.lock().unwrap().stored.remove(name);
    }

    fn store(objects: &mut Objects, stage: &Stage) {
        let bytes = document::render(stage);
        let read = Arc::new(document::parse(&stage.name, &bytes).unwrap());
        objects.stored.insert(stage.name.clone(), Object::new(bytes, Some(Arc::clone(&read))));
        objects.history.push(read);
    }

    fn try_write(&self, stage: &Stage, after: Option<&Etag>) -> Written {
        let mut objects = self.objects.lock().unwrap();
        let comes_first = objects.meanwhile.front().is_some_and(|(when, _)| when(stage));
        let other = comes_first.then(|| objects.meanwhile.pop_front());
        if let Some((_, transition)) = other.flatten() {
            let object = objects.stored.get(&stage.name);
            let empty = || Stage::empty(stage.name.clone());
            let mut other = object.map_or_else(empty, |object| object.stage(&stage.name).unwrap());
            transition(&mut other);
            other.seq += 1;
            other.written_by = format!("somebody-else-{}", other.seq);
            Self::store(&mut objects, &other);
        }
        let stored = objects.stored.get(&stage.name).map(|object| object.etag.clone());
        let answer = objects.conflicts.pop_front().or_else(|| self.line.conflict());
        if stored.as_ref() != after || answer == Some(Landed::No) {
            return Written::Conflict;
        }
        Self::store(&mut objects, stage);
        match answer {
            Some(_) => Written::Conflict,
            None => Written::Yes,
        }
    }
}

/// As on S3: equal bytes have equal tags.
fn etag_of(bytes: &[u8]) -> Etag {
    let mixed = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    Etag(format!("\"{mixed:016x}\""))
}

#[async_trait]
impl Stages for MemoryStages {
    async fn read(&self, stage: &StageName) -> Result<Option<Stored>, Fault> {
        let effect = || {
            let objects = self.objects.lock().unwrap();
            let Some(object) = objects.stored.get(stage) else {
                return Ok(None);
            };
            let etag = object.etag.clone();
            match object.stage(stage) {
                Ok(stage) => Ok(Some(Stored { stage, etag })),
                Err(bad) => {
                    let (doing, detail) = (format!("read the document of stage {stage}"), bad.to_string());
                    Err(match bad {
                        DocumentError::Newer { .. } | DocumentError::Unknown(_) => Fault::Outdated { doing, detail },
                        _ => Fault::Rejected { doing, detail },
                    })
                }
            }
        };
        self.line.call(format!("stages.read {stage}"), effect).await
    }

    async fn write(&self, stage: &Stage, after: Option<&Etag>) -> Result<Written, Fault> {
        let name = format!("stages.write {} {}", stage.name, stage.seq);
        self.line.call(name, || Ok(self.try_write(stage, after))).await
    }

    async fn names(&self) -> Result<Vec<StageName>, Fault> {
        let effect = || Ok(self.objects.lock().unwrap().stored.keys().cloned().collect());
        self.line.call("stages.names".to_owned(), effect).await
    }

    fn place(&self) -> String {
        PLACE.to_owned()
    }
}
