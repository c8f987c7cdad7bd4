//! Compiles the C++ host and provider with the compiler that goes with the target: the system's own
//! natively, mingw's for Windows.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=cpp");
    let target = env::var("TARGET").expect("cargo sets it");
    let host = env::var("HOST").expect("cargo sets it");
    // For a target that can only be type-checked here there is no compiler; nothing is linked then
    // either.
    if target != host && !target.ends_with("-windows-gnu") {
        return;
    }
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").extra_warnings(true).warnings_into_errors(true).files(
        ["platform", "host", "provider", "aggregate", "shutdown"]
            .map(|file| format!("cpp/{file}.cpp")),
    );
    if target.contains("windows") {
        // Nothing to look for at run time under Wine.
        build.cpp_link_stdlib_static(true);
    }
    build.compile("mapi_sync_cpp");
    if target.contains("windows") {
        compile_version_resource();
        compile_dll("cpp_store", &["platform", "provider", "store_dll"], "CPP_STORE_DLL");
        compile_dll("cpp_attach", &["attach_dll"], "CPP_ATTACH_DLL");
        compile_dll("cpp_forms", &["forms_dll"], "CPP_FORMS_DLL");
    }
}

/// The version resource of the example DLL.
fn compile_version_resource() {
    let resource = "examples/scenario_store.rc";
    println!("cargo::rerun-if-changed={resource}");
    let version = ["MAJOR", "MINOR", "PATCH"].map(|part| {
        let number = env::var(format!("CARGO_PKG_VERSION_{part}")).expect("cargo sets it");
        format!("VERSION_{part}={number}")
    });
    // The tests get it too: cargo has no such argument for a library among the examples alone.
    embed_resource::compile_for_everything(resource, &version)
        .manifest_required()
        .expect("the resource compiler comes with the C++ compiler");
}

/// C++ files as a DLL, whose path goes to the variable `of_tests`.
fn compile_dll(name: &str, files: &[&str], of_tests: &str) {
    let dll = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join(name);
    let dll = dll.with_extension("dll");
    let mut compile = cc::Build::new().cpp(true).std("c++17").get_compiler().to_command();
    // Under Wine 8 a program that catches an exception of its own hangs in any debugger, unless it
    // is compiled with optimization; `com-check` is a debugger.
    compile.args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-static", "-o"]).arg(&dll);
    compile.args(files.iter().map(|file| format!("cpp/{file}.cpp"))).arg("-lole32");
    let compiled = compile.status().expect("the compiler runs");
    assert!(compiled.success(), "{compile:?}");
    println!("cargo::rustc-env={of_tests}={}", dll.display());
}
