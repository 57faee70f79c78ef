//! What people see: help texts and mistakes, as golden transcripts.
//!
//! After a wanted change: `TRYCMD=overwrite cargo test -p cofferdam --test transcripts`.

#[test]
fn commands_say_what_they_are_recorded_to_say() {
    trycmd::TestCases::new()
        .env("NO_COLOR", "1")
        // In the folder of the transcript, a copy that is gone afterwards.
        .env("COFFERDAM_TRUSTED", "trusted")
        .case("tests/commands/*.trycmd");
}
