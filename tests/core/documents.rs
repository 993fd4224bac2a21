//! What the documents say holds.

use std::fs;
use std::path::Path;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_program_in_the_readme_is_the_example_that_is_built() {
    let readme = read("README.md");
    let (_, rest) = readme.split_once("```rust\n").expect("the README shows a program");
    let (program, _) = rest.split_once("```\n").expect("the program ends");
    let example = read("examples/winit_minimal.rs");
    assert!(example.ends_with(program), "README.md and examples/winit_minimal.rs differ");
    assert!(program.lines().count() > 20);
}

#[test]
fn the_task_in_the_readme_is_that_of_the_documentation() {
    let documentation = read("src/docs/tasks.md");
    let (_, rest) = documentation.split_once("```\n").expect("the documentation shows a task");
    let (program, _) = rest.split_once("```\n").expect("the program ends");
    let shown: String = program.split_inclusive('\n').filter(|line| !line.starts_with("# ")).collect();
    assert!(read("README.md").contains(&shown), "README.md and src/docs/tasks.md differ");
    assert!(shown.lines().count() > 10);
}

#[test]
fn the_readme_names_every_example_and_feature() {
    let readme = read("README.md");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let entries = fs::read_dir(&examples).unwrap().chain(fs::read_dir(examples.join("windows")).unwrap());
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        // The package of the windows itself, its manifest, what its examples share, and their tests.
        if ["windows", "Cargo", "common", "tests"].contains(&name.as_str()) {
            continue;
        }
        assert!(readme.contains(&format!("| `{name}` |")), "the README does not name the example {name}");
    }
    let manifest = read("Cargo.toml");
    let (_, features) = manifest.split_once("[features]\n").unwrap();
    let (features, _) = features.split_once("\n[").unwrap();
    for line in features.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, _)) = line.split_once(" = ") else { continue };
        if name != "default" {
            assert!(readme.contains(&format!("| `{name}` |")), "the README does not name the feature {name}");
        }
    }
}

#[test]
fn pictures_that_the_readme_shows_exist() {
    let readme = read("README.md");
    let pictures: Vec<_> = readme.split("](").skip(1).filter_map(|rest| rest.split_once(')')).collect();
    for (link, _) in pictures.iter().filter(|(link, _)| link.ends_with(".png")) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(link);
        assert!(path.is_file(), "{link} is missing");
    }
}
