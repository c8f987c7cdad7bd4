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
    build
        .cpp(true)
        .std("c++17")
        .extra_warnings(true)
        .warnings_into_errors(true)
        .files(["platform", "host", "provider", "aggregate"].map(|file| format!("cpp/{file}.cpp")));
    if target.contains("windows") {
        // Nothing to look for at run time under Wine.
        build.cpp_link_stdlib_static(true);
    }
    build.compile("mapi_sync_cpp");
    if target.contains("windows") {
        compile_dll();
    }
}

/// The C++ provider as a DLL of its own.
fn compile_dll() {
    let dll = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("cpp_store.dll");
    let mut compile = cc::Build::new().cpp(true).std("c++17").get_compiler().to_command();
    compile.args(["-shared", "-static", "-o"]).arg(&dll);
    compile.args(["platform", "provider", "store_dll"].map(|file| format!("cpp/{file}.cpp")));
    let compiled = compile.status().expect("the compiler runs");
    assert!(compiled.success(), "{compile:?}");
    println!("cargo::rustc-env=CPP_STORE_DLL={}", dll.display());
}
