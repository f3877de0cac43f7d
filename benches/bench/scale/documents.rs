//! The stage document in an S3 that takes its time: a request takes about 30 ms, and each MiB more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bluestage::ports::{Etag, Fault, Stages, Stored, Written};
use bluestage::release::{Stage, StageName, document};

use super::network::{Call, Network};
use crate::memory::stages::PLACE;

/// What each MiB takes: 10 ms at 100 MiB a second, which is what one connection to S3 carries, and 5 ms of a processor to
/// parse or render it, see the times of the documents in the table.
const EACH_MIB: Duration = Duration::from_millis(15);

const MIB: f64 = (1 << 20) as f64;

struct Object {
    /// Which stage it is of.
    number: usize,
    stage: Stage,
    bytes: usize,
    versions: usize,
}

struct Objects {
    each: BTreeMap<StageName, Object>,
    /// The largest that there was so far, and how many bytes it had.
    largest: (Stage, usize),
    most_versions: usize,
}

pub(super) struct Documents {
    network: Arc<Network>,
    objects: Mutex<Objects>,
}

impl Documents {
    pub(super) fn new(network: Arc<Network>, stages: Vec<Stage>) -> Self {
        let largest = (stages[0].clone(), 0);
        let one = |(number, stage): (usize, Stage)| {
            let versions = versions_of(&stage);
            (stage.name.clone(), Object { number, stage, bytes: 0, versions })
        };
        let each = stages.into_iter().enumerate().map(one).collect();
        let this = Self { network, objects: Mutex::new(Objects { each, largest, most_versions: 0 }) };
        this.weigh();
        this
    }

    /// Takes the documents' sizes. Rendering one for each write would take most of the time that the simulation has.
    pub(super) fn weigh(&self) {
        let mut objects = self.objects.lock().unwrap();
        let Objects { each, largest, .. } = &mut *objects;
        for object in each.values_mut() {
            object.bytes = document::render(&object.stage).len();
            if object.bytes > largest.1 {
                *largest = (object.stage.clone(), object.bytes);
            }
        }
    }

    /// The largest document that there was, and how many bytes it has.
    pub(super) fn largest(&self) -> (Stage, usize) {
        self.objects.lock().unwrap().largest.clone()
    }

    /// Each version has a stack: how many there were at most at once.
    pub(super) fn most_stacks(&self) -> usize {
        self.objects.lock().unwrap().most_versions
    }

    fn number(&self, stage: &StageName) -> usize {
        self.objects.lock().unwrap().each[stage].number
    }

    /// One way of a request: half of what it takes, before S3 does it or after.
    async fn goes(&self, stage: &StageName) {
        let bytes = self.objects.lock().unwrap().each[stage].bytes;
        let takes = self.network.draw(Call::DocumentRead) + EACH_MIB.mul_f64(bytes as f64 / MIB);
        self.network.passes(takes / 2).await;
    }

    fn store(&self, stage: &Stage, after: Option<&Etag>) -> Written {
        let mut objects = self.objects.lock().unwrap();
        let object = objects.each.get_mut(&stage.name).unwrap();
        if after != Some(&etag_of(&object.stage)) {
            self.network.count_in(object.number, Call::LostRace, 1);
            return Written::Conflict;
        }
        self.network.count_in(object.number, Call::DocumentWrite, 1);
        object.stage = stage.clone();
        object.versions = versions_of(stage);
        let versions = objects.each.values().map(|object| object.versions).sum();
        objects.most_versions = objects.most_versions.max(versions);
        Written::Yes
    }
}

fn versions_of(stage: &Stage) -> usize {
    stage.services.values().map(|service| service.versions.len()).sum()
}

/// Each write has its own number.
fn etag_of(stage: &Stage) -> Etag {
    Etag(stage.seq.to_string())
}

#[async_trait]
impl Stages for Documents {
    async fn read(&self, name: &StageName) -> Result<Option<Stored>, Fault> {
        self.network.count_in(self.number(name), Call::DocumentRead, 1);
        self.goes(name).await;
        let stage = self.objects.lock().unwrap().each[name].stage.clone();
        self.goes(name).await;
        Ok(Some(Stored { etag: etag_of(&stage), stage }))
    }

    async fn write(&self, stage: &Stage, after: Option<&Etag>) -> Result<Written, Fault> {
        self.goes(&stage.name).await;
        let written = self.store(stage, after);
        self.goes(&stage.name).await;
        Ok(written)
    }

    async fn names(&self) -> Result<Vec<StageName>, Fault> {
        self.network.asks(Call::OtherS3, 1).await;
        Ok(self.objects.lock().unwrap().each.keys().cloned().collect())
    }

    fn place(&self) -> String {
        PLACE.to_owned()
    }
}
