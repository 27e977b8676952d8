use stackctl::{chart::Chart, cluster::*, name::*};
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let options = Options {
        env_kubeconfig: std::env::var_os("KUBECONFIG"),
        ..Options::default()
    };
    let cluster = Cluster::connect(&options).await?;
    match args[1].as_str() {
        "open" => {
            let start = std::time::Instant::now();
            let chart = Chart::open(std::path::Path::new(&args[2]))?;
            println!(
                "{:?} {} {:?} {:?}",
                start.elapsed(),
                chart.crds.len(),
                chart.crd_findings,
                chart
                    .crds
                    .iter()
                    .map(|c| (&c.name, &c.digest[..8]))
                    .collect::<Vec<_>>()
            );
        }
        "apply" => {
            let chart = Chart::open(std::path::Path::new(&args[2]))?;
            for crd in &chart.crds {
                let before = cluster.crd(&crd.name).await?;
                let marks = CrdMarks {
                    owner: (StackName::new("shop")?, Some(EnvironmentName::new("dev")?)),
                    chart: ChartName::new("web")?,
                    chart_version: chart.version.to_string(),
                    digest: crd.digest.clone(),
                };
                let start = std::time::Instant::now();
                let live = cluster
                    .apply_crd(&crd.document, &marks, before.as_ref())
                    .await?;
                println!(
                    "{:?} {}",
                    start.elapsed(),
                    serde_json::to_string_pretty(&live["metadata"]["annotations"])?
                );
                let kinds: Vec<_> = crd
                    .versions
                    .iter()
                    .map(|v| (format!("{}/{v}", crd.group), crd.kind.clone()))
                    .collect();
                loop {
                    let missing = cluster.not_served(&kinds).await?;
                    println!("{:?} missing {missing:?}", start.elapsed());
                    if missing.is_empty() {
                        break;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            }
        }
        "list" => {
            for (name, live) in cluster.crds().await? {
                println!("{name} {live:?}");
            }
        }
        "instances" => println!("{:#?}", cluster.instances(&args[2]).await?),
        "contents" => println!("{:#?}", cluster.contents(&Namespace::new(&args[2])?).await?),
        "delete" => {
            let live = cluster.crd(&args[2]).await?.unwrap();
            cluster.delete_crd(&args[2], &live.uid).await?;
        }
        _ => {}
    }
    Ok(())
}
