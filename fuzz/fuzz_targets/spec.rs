//! Any text is a spec, which prints and is read again the same, or has mistakes that lie within it.
#![no_main]

use nic::Spec;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    match text.parse::<Spec>() {
        Ok(spec) => assert_eq!(spec.to_string().parse(), Ok(spec)),
        Err(mistakes) => {
            assert!(!mistakes.mistakes.is_empty());
            for mistake in &mistakes.mistakes {
                assert!(text.get(mistake.at.clone()).is_some(), "{mistake:?}");
            }
            assert!(mistakes.to_string().contains('^'));
        }
    }
});
