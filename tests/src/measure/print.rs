//! The output of the measuring programs.

#[expect(clippy::print_stdout, reason = "a measuring program prints")]
pub(super) fn print_line(line: &str) {
    println!("{line}");
}
