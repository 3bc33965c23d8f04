//! Writes the list of SQL install files for `src/install.rs`, as a macro so that the generated
//! script names that file and not a build folder as their origin.
//!
//! The list is read from the folder, so a new `sql/install/NN_<concern>.sql` is part of the
//! extension by being there, and the number in its name alone decides when it runs: files
//! below 40 come before the native functions, the others after them (see `src/install.rs`).

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Files with this number or a higher one may name native functions outside function bodies.
const FIRST_AFTER_NATIVE: u32 = 40;

fn main() -> io::Result<()> {
    let install = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("sql").join("install");
    println!("cargo::rerun-if-changed={}", install.display());

    let list = PathBuf::from(variable("OUT_DIR")?).join("install.rs");
    fs::write(list, declarations(&install_files(&install)?)?)
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}

/// A file and what is read from its name.
struct InstallFile {
    path: PathBuf,
    number: u32,
    name: String,
}

fn install_files(folder: &Path) -> io::Result<Vec<InstallFile>> {
    let mut files =
        fs::read_dir(folder)?.map(|entry| install_file(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(files)
}

fn install_file(path: PathBuf) -> io::Result<InstallFile> {
    let refused = || io::Error::other(format!("{}: expected NN_<concern>.sql", path.display()));
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.strip_suffix(".sql"))
        .ok_or_else(refused)?
        .to_owned();
    let (number, concern) = name.split_once('_').ok_or_else(refused)?;
    let is_concern = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if number.len() != 2 || concern.is_empty() || !concern.chars().all(is_concern) {
        return Err(refused());
    }
    let number = number.parse().map_err(|_| refused())?;
    Ok(InstallFile { path, number, name })
}

/// A macro with one `extension_sql_file!` a file, each requiring the one before it.
fn declarations(files: &[InstallFile]) -> io::Result<String> {
    let (first, rest) = files.split_first().ok_or_else(|| io::Error::other("no SQL install file"))?;
    let (before, after): (Vec<_>, Vec<_>) = rest.iter().partition(|file| file.number < FIRST_AFTER_NATIVE);
    let mut code = "macro_rules! install_files { () => {\n".to_owned();
    code += &declaration(first, "bootstrap");
    let mut previous = None;
    for file in before {
        code += &declaration(file, &requires(previous));
        previous = Some(file.name.as_str());
    }
    code += "extension_sql!(\"\", name = \"before_native_functions\", ";
    code += &requires(previous);
    code += ");\n";
    previous = Some("native_functions");
    for file in after {
        code += &declaration(file, &requires(previous));
        previous = Some(file.name.as_str());
    }
    code += "} }\n";
    Ok(code)
}

fn declaration(InstallFile { path, name, .. }: &InstallFile, position: &str) -> String {
    let path = path.to_string_lossy();
    format!("extension_sql_file!({path:?}, name = {name:?}, {position});\n")
}

fn requires(previous: Option<&str>) -> String {
    previous.map_or_else(|| "requires = []".to_owned(), |name| format!("requires = [{name:?}]"))
}
