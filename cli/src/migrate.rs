//! `botticelli migrate`.

use std::{
    collections::HashMap,
    io::{Write, stdout},
};

use anyhow::Result;
use botticelli_database::{migrate, served_schema};
use botticelli_lifecycle::Ending;

use crate::{Place, target};

pub(crate) async fn run(place: &Place, environment: HashMap<String, String>) -> Result<Ending> {
    let pool = target::pool(&place.arguments(), environment).await?;
    migrate(&pool).await?;
    writeln!(stdout(), "the database schema `{}` is up to date", served_schema())?;
    Ok(Ending::Clean)
}
