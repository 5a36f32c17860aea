//! Reading the workspace: its rooms from the manifests, its sources from the disk.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// What stands before a room's name in the name of its crate.
const PREFIX: &str = "botticelli-";

/// A crate of the workspace.
#[derive(Debug)]
pub(super) struct Room {
    /// The name without its prefix; the command-line binary is `cli`.
    pub(super) name: String,
    /// The crates of the outside it depends on, development dependencies left out.
    pub(super) dependencies: Vec<String>,
    /// The rooms it depends on, development dependencies left out.
    pub(super) known: Vec<String>,
}

/// A source file.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) room: String,
    /// From the root of the workspace.
    pub(super) path: String,
    pub(super) text: String,
}

impl Source {
    /// The numbered lines that are neither comments nor unit tests, which stand at the end of a file.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = (1..).zip(self.text.lines());
        let product = numbered.take_while(|(_, line)| line.trim() != "#[cfg(test)]");
        product.filter(|(_, line)| !line.trim_start().starts_with("//") && !line.trim_start().starts_with("--"))
    }
}

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(super) fn rooms() -> Result<Vec<Room>, Box<dyn Error>> {
    members()?.iter().map(|member| room(member)).collect()
}

pub(super) fn sources() -> Result<Vec<Source>, Box<dyn Error>> {
    let top = root();
    let mut sources = Vec::new();
    for member in members()? {
        let Room { name, .. } = room(&member)?;
        for path in files_below(&top.join(&member))? {
            let text = fs::read_to_string(&path)?;
            let path = path.strip_prefix(&top)?.display().to_string();
            sources.push(Source {
                room: name.clone(),
                path,
                text,
            });
        }
    }
    Ok(sources)
}

/// The paths of the crates from the root.
fn members() -> Result<Vec<String>, Box<dyn Error>> {
    let manifest = manifest(&root())?;
    let members = manifest["workspace"]["members"]
        .as_array()
        .ok_or("the workspace has no list of members")?;
    Ok(members.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn room(member: &str) -> Result<Room, Box<dyn Error>> {
    let manifest = manifest(&root().join(member))?;
    let mut dependencies = Vec::new();
    collect_dependencies(&manifest, &mut dependencies);
    for target in manifest
        .get("target")
        .and_then(Value::as_table)
        .into_iter()
        .flat_map(Table::values)
    {
        collect_dependencies(target.as_table().ok_or("a target is not a table")?, &mut dependencies);
    }
    let package = manifest["package"]["name"].as_str().ok_or("the package has no name")?;
    let known = dependencies
        .iter()
        .filter_map(|name| name.strip_prefix(PREFIX))
        .map(str::to_owned)
        .collect();
    dependencies.retain(|name| !name.starts_with(PREFIX));
    let name = package.strip_prefix(PREFIX).unwrap_or("cli").to_owned();
    Ok(Room {
        name,
        dependencies,
        known,
    })
}

/// Adds the names of the crates in `table`, also of those under another name.
fn collect_dependencies(table: &Table, names: &mut Vec<String>) {
    for section in ["dependencies", "build-dependencies"] {
        for (name, dependency) in table.get(section).and_then(Value::as_table).into_iter().flatten() {
            let renamed = dependency.get("package").and_then(Value::as_str);
            names.push(renamed.unwrap_or(name).to_owned());
        }
    }
}

fn manifest(directory: &Path) -> Result<Table, Box<dyn Error>> {
    let path = directory.join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.parse()?)
}

fn files_below(directory: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files_below(&path)?);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "sql")
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
