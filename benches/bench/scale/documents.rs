//! The stage document in an S3 that takes its time: a request takes about 30 ms, and each MiB more.

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
    stage: Stage,
    bytes: usize,
    /// The largest so far, and how many bytes it had.
    largest: (Stage, usize),
    most_versions: usize,
}

pub(super) struct Documents {
    network: Arc<Network>,
    object: Mutex<Object>,
}

impl Documents {
    pub(super) fn new(network: Arc<Network>, stage: Stage) -> Self {
        let largest = (stage.clone(), 0);
        let this = Self { network, object: Mutex::new(Object { stage, bytes: 0, largest, most_versions: 0 }) };
        this.weigh();
        this
    }

    /// Takes the document's size. Rendering it for each write would take most of the time that the simulation has.
    pub(super) fn weigh(&self) {
        let mut object = self.object.lock().unwrap();
        object.bytes = document::render(&object.stage).len();
        if object.bytes > object.largest.1 {
            object.largest = (object.stage.clone(), object.bytes);
        }
    }

    /// The largest document that there was, and how many bytes it has.
    pub(super) fn largest(&self) -> (Stage, usize) {
        self.object.lock().unwrap().largest.clone()
    }

    /// Each version has a stack: how many there were at most at once.
    pub(super) fn most_stacks(&self) -> usize {
        self.object.lock().unwrap().most_versions
    }

    /// One way of a request: half of what it takes before S3 does it, and half after.
    async fn goes(&self, call: Call) {
        let bytes = self.object.lock().unwrap().bytes;
        let takes = self.network.draw(call) + EACH_MIB.mul_f64(bytes as f64 / MIB);
        self.network.passes(takes / 2).await;
    }

    fn store(&self, stage: &Stage, after: Option<&Etag>) -> Written {
        let mut object = self.object.lock().unwrap();
        if after != Some(&etag_of(&object.stage)) {
            self.network.count(Call::LostRace, 1);
            return Written::Conflict;
        }
        self.network.count(Call::DocumentWrite, 1);
        object.most_versions = object.most_versions.max(stage.all_versions().count());
        object.stage = stage.clone();
        Written::Yes
    }
}

/// Each write has its own number.
fn etag_of(stage: &Stage) -> Etag {
    Etag(stage.seq.to_string())
}

#[async_trait]
impl Stages for Documents {
    async fn read(&self, _: &StageName) -> Result<Option<Stored>, Fault> {
        self.network.count(Call::DocumentRead, 1);
        self.goes(Call::DocumentRead).await;
        let stage = self.object.lock().unwrap().stage.clone();
        self.goes(Call::DocumentRead).await;
        Ok(Some(Stored { etag: etag_of(&stage), stage }))
    }

    async fn write(&self, stage: &Stage, after: Option<&Etag>) -> Result<Written, Fault> {
        self.goes(Call::DocumentWrite).await;
        let written = self.store(stage, after);
        self.goes(Call::DocumentWrite).await;
        Ok(written)
    }

    async fn names(&self) -> Result<Vec<StageName>, Fault> {
        self.network.asks(Call::OtherS3, 1).await;
        Ok(vec![self.object.lock().unwrap().stage.name.clone()])
    }

    fn place(&self) -> String {
        PLACE.to_owned()
    }
}
