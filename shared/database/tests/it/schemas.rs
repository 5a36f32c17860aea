//! One process, one fleet.

use botticelli_database::{SchemaName, serve_schema, served_schema, sql};

use crate::TestResult;

#[test]
fn a_process_whose_statements_are_for_one_schema_cannot_serve_another() -> TestResult {
    let text = "select 1 from botticelli.jobs";
    assert!(std::ptr::eq(sql(text), text), "the text itself");
    serve_schema(SchemaName::default())?;
    serve_schema(SchemaName::default())?;
    let refusal = serve_schema("fleet_b".parse()?).map_err(|error| error.to_string());
    assert_eq!(
        refusal,
        Err(
            "this process serves schema `botticelli` and cannot serve `fleet_b` too; start another process for it"
                .to_owned()
        )
    );
    assert_eq!(served_schema().as_str(), "botticelli");
    Ok(())
}
