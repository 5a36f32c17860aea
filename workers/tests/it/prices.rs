//! What the configured models cost.

use botticelli_llm::Price;
use botticelli_settings::Settings;
use botticelli_workers::prices;

#[test]
fn the_embedded_model_is_free_by_whatever_name_and_services_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("botticelli.toml");
    let providers = "[providers.near]\nwire = 'embedded'\n[providers.far]\nwire = 'ollama'\nmodel = 'm'\n";
    std::fs::write(&file, providers).unwrap();
    let prices = prices(&Settings::load(Some(&file), []).unwrap());
    for name in ["embedded", "near"] {
        assert_eq!(
            prices.of(name, "SmolLM2-135M-Instruct"),
            Some(Price::default()),
            "{name}"
        );
    }
    assert_eq!(prices.of("far", "m"), None);
}
