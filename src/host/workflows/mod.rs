//! The workflows of a host: registered by name, kept in versions, ready to be run.

mod name;
mod store;

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use kailash_core::{
    Error, ErrorKind, Registry, Result, Retry, Text, Workflow, WorkflowBuilder,
    exec::{Clock, SystemClock, Timestamp},
    validate::Issues,
    workflow::{Dialect, Document},
};

use self::store::Store;

/// How many workflows a host keeps, and how many versions of each.
const MAX_WORKFLOWS: usize = 10_000;
const MAX_VERSIONS: usize = 100;

/// A registered version of a workflow.
#[derive(Clone)]
pub struct Version {
    /// The version, from 1.
    pub number: u32,
    /// The workflow.
    pub workflow: Workflow,
    /// When it was registered.
    pub registered: Timestamp,
}

/// A handle to the workflows of a host.
#[derive(Clone)]
pub struct Workflows(Arc<Inner>);

struct Inner {
    registry: Registry,
    store: Store,
    /// Versions by name, the oldest first; never empty.
    names: RwLock<BTreeMap<Text, Vec<Version>>>,
    /// The highest version that each name had while the host lives: a number is not given twice.
    highest: Mutex<HashMap<Text, u32>>,
    /// One registration at a time.
    registering: Arc<tokio::sync::Mutex<()>>,
}

impl Workflows {
    /// The workflows kept in `folder`. Blocks. One that this release cannot build is left out and logged.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub(super) fn open(registry: Registry, folder: PathBuf) -> Result<Self> {
        let store = Store::open(folder)?;
        let mut names: BTreeMap<Text, Vec<Version>> = BTreeMap::new();
        for kept in store.all()? {
            match WorkflowBuilder::from(kept.document).build(&registry) {
                Ok(workflow) => {
                    let version = Version { number: kept.number, workflow, registered: kept.registered };
                    names.entry(kept.name).or_default().push(version);
                }
                Err(issues) => {
                    tracing::warn!(workflow = %kept.name, version = kept.number, %issues, "left out");
                }
            }
        }
        names.values_mut().for_each(|versions| versions.sort_by_key(|version| version.number));
        let registering = Arc::default();
        Ok(Self(Arc::new(Inner {
            registry,
            store,
            names: RwLock::new(names),
            highest: Mutex::default(),
            registering,
        })))
    }

    /// The node types.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// Registers every document in `folder`, by the name that it has, else by that of its file. Blocks.
    ///
    /// # Errors
    /// Kind `Invalid`, code `workflow.twice`, for two documents of one name: each would be a new version of the other, at
    /// every start; the first document that cannot be registered, with its file.
    pub(super) fn register_folder(&self, folder: &Path) -> Result<()> {
        let mut documents = store::documents_in(folder)?;
        let mut files: HashMap<Text, &Path> = HashMap::new();
        for (file, document) in &mut documents {
            let file: &Path = file;
            if document.name.is_empty() {
                document.name = file.file_stem().unwrap_or_default().to_string_lossy().as_ref().into();
            }
            if let Some(first) = files.insert(document.name.clone(), file) {
                let [first, second] = [first, file].map(|file| file.display().to_string());
                let message = format!("`{first}` and `{second}` are both called `{}`", document.name);
                let error = Error::invalid("workflow.twice", message).at(second);
                return Err(error.with_hint("keep one of them here, or give it a name of its own"));
            }
        }
        for (file, document) in documents {
            let placed = |error: Error| error.at(file.display().to_string());
            let built = self.build(document).map_err(|issues| placed(issues.into()))?;
            self.put(built).map_err(placed)?;
        }
        Ok(())
    }

    /// Builds a workflow of `document` without registering it.
    ///
    /// # Errors
    /// Every problem of the document.
    pub fn build(&self, mut document: Document) -> Result<Workflow, Issues> {
        // As it comes back from the disk.
        document.dialect = Dialect::Own;
        WorkflowBuilder::from(document).build(&self.0.registry)
    }

    /// Registers a workflow under its name: as a new version, unless it is the same as the newest. Says whether it is new.
    ///
    /// # Errors
    /// Kind `Invalid`, code `workflow.name`, for a name that cannot be one; kind `Limit` for too many; kind `Unavailable`,
    /// code `workflow.storage`, for storage that fails: why is logged, because it names files of the host.
    pub async fn register(&self, workflow: Workflow) -> Result<(Version, bool)> {
        let one = Arc::clone(&self.0.registering).lock_owned().await;
        let this = self.clone();
        let put = tokio::task::spawn_blocking(move || {
            let put = this.put(workflow);
            // Held to the end, also if whoever asked goes away.
            drop(one);
            put
        });
        let put = put.await.unwrap_or_else(|error| Err(Error::internal(format!("registering: {error}"))));
        put.map_err(|error| if error.code().split('.').next() == Some("io") { unkept(&error) } else { error })
    }

    fn put(&self, workflow: Workflow) -> Result<(Version, bool)> {
        let name = workflow.name().clone();
        name::check(&name)?;
        let (newest, count) = {
            let names = self.read();
            if names.len() >= MAX_WORKFLOWS && !names.contains_key(&name) {
                return Err(too_many(format!("there are {MAX_WORKFLOWS} workflows already")));
            }
            let versions = names.get(&name).map(Vec::as_slice).unwrap_or_default();
            (versions.last().cloned(), versions.len())
        };
        if let Some(newest) = &newest
            && newest.workflow.document() == workflow.document()
        {
            return Ok((newest.clone(), false));
        }
        if count >= MAX_VERSIONS {
            return Err(too_many(format!("`{name}` has {MAX_VERSIONS} versions already"))
                .with_hint("delete those that are not needed any more"));
        }
        let highest = self.highest().get(&name).copied().unwrap_or_default();
        let highest = highest.max(newest.map_or(0, |newest| newest.number));
        let number = self.0.store.next_number(&name, highest);
        let registered = SystemClock::default().now();
        self.0.store.keep(&name, number, registered, workflow.document())?;
        let version = Version { number, workflow, registered };
        self.note_highest(&name, number);
        self.write().entry(name).or_default().push(version.clone());
        Ok((version, true))
    }

    /// The names, in order.
    #[must_use]
    pub fn names(&self) -> Vec<Text> {
        self.read().keys().cloned().collect()
    }

    /// The versions of workflow `name`, the oldest first.
    ///
    /// # Errors
    /// Kind `Missing`, code `workflow.unknown`.
    pub fn versions(&self, name: &str) -> Result<Vec<Version>> {
        self.read().get(name).cloned().ok_or_else(|| self.unknown(name))
    }

    /// The newest version of workflow `name`.
    ///
    /// # Errors
    /// Kind `Missing`, code `workflow.unknown`.
    pub fn newest(&self, name: &str) -> Result<Version> {
        let names = self.read();
        names.get(name).and_then(|versions| versions.last()).cloned().ok_or_else(|| self.unknown(name))
    }

    /// Version `number` of workflow `name`.
    ///
    /// # Errors
    /// Kind `Missing`, code `workflow.unknown`.
    pub fn version(&self, name: &str, number: u32) -> Result<Version> {
        let versions = self.versions(name)?;
        let found = versions.iter().find(|version| version.number == number).cloned();
        found.ok_or_else(|| {
            Error::missing("workflow.unknown", format!("workflow `{name}` has no version {number}"))
        })
    }

    /// Forgets workflow `name`, or only its version `number`. Runs that have begun go on.
    ///
    /// # Errors
    /// Kind `Missing`, code `workflow.unknown`; failing storage.
    pub async fn remove(&self, name: &str, number: Option<u32>) -> Result<()> {
        let one = Arc::clone(&self.0.registering).lock_owned().await;
        let gone: Vec<u32> = match number {
            Some(number) => vec![self.version(name, number)?.number],
            None => self.versions(name)?.iter().map(|version| version.number).collect(),
        };
        let (this, name) = (self.clone(), Text::from(name));
        let removed = tokio::task::spawn_blocking(move || {
            for number in gone {
                this.0.store.remove(&name, number)?;
                let mut names = this.write();
                if let Some(versions) = names.get_mut(&name) {
                    versions.retain(|version| version.number != number);
                    if versions.is_empty() {
                        names.remove(&name);
                    }
                }
            }
            drop(one);
            Ok(())
        });
        removed.await.unwrap_or_else(|error| Err(Error::internal(format!("removing: {error}"))))
    }

    fn note_highest(&self, name: &Text, number: u32) {
        let mut highest = self.highest();
        if highest.len() >= 2 * MAX_WORKFLOWS {
            let names = self.read();
            highest.retain(|name, _| names.contains_key(name));
        }
        highest.insert(name.clone(), number);
    }

    fn highest(&self) -> MutexGuard<'_, HashMap<Text, u32>> {
        self.0.highest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unknown(&self, name: &str) -> Error {
        let names = self.names();
        let error = Error::missing("workflow.unknown", format!("there is no workflow `{name}`"));
        match kailash_core::nearest(name, names.iter().map(Text::as_str)) {
            Some(near) => error.with_hint(format!("did you mean `{near}`?")),
            None => error.with_hint("GET /workflows lists them"),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<Text, Vec<Version>>> {
        self.0.names.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<Text, Vec<Version>>> {
        self.0.names.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The host cannot keep a workflow.
fn unkept(error: &Error) -> Error {
    tracing::error!(%error, "a workflow cannot be kept");
    let message = match error.code() {
        "io.full" => "the host has no room for the workflow on its disk",
        _ => "the host cannot keep the workflow on its disk",
    };
    Error::new(ErrorKind::Unavailable, "workflow.storage", message)
        .with_retry(Retry::After(std::time::Duration::from_secs(5)))
}

fn too_many(message: String) -> Error {
    Error::new(ErrorKind::Limit, "workflow.limit", message).with_retry(Retry::Never)
}
