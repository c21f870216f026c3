# Rights of agents, push, build and nodes. What the functions may do to clusters stands in roles.tf.

# Agents: publish what agents publish, pull their own subscription -----------------------------------------------------

resource "google_pubsub_topic_iam_member" "agent_publishes" {
  for_each = toset(["overspill-requests", "overspill-teardowns", "overspill-leases"])

  project = var.project
  topic   = google_pubsub_topic.this[each.value].name
  role    = local.publisher_role
  member  = google_service_account.agent.member
}

resource "google_pubsub_subscription_iam_member" "agent_pulls" {
  for_each = var.leads

  project      = var.project
  subscription = google_pubsub_subscription.events[each.key].name
  role         = local.subscriber_role
  member       = google_service_account.agent.member
}

resource "google_service_account_iam_member" "agent_identity" {
  for_each = var.leads

  service_account_id = google_service_account.agent.name
  role               = "roles/iam.workloadIdentityUser"
  member = format("serviceAccount:%s.svc.id.goog[%s/%s]",
    coalesce(each.value.identity_project, var.project),
    each.value.namespace,
    coalesce(each.value.service_account, "${each.key}-overspill"),
  )
}

# Functions: report, and put aside what nobody can read ----------------------------------------------------------------

resource "google_pubsub_topic_iam_member" "provision_publishes" {
  for_each = toset(["overspill-events", "overspill-requests-dead"])

  project = var.project
  topic   = each.value
  role    = local.publisher_role
  member  = google_service_account.function["provision"].member

  depends_on = [google_pubsub_topic.this, google_pubsub_topic.dead]
}

resource "google_pubsub_topic_iam_member" "teardown_publishes" {
  # A sweep asks for a teardown of each burst that it finds.
  for_each = toset([
    "overspill-events", "overspill-teardowns", "overspill-teardowns-dead", "overspill-leases-dead", "overspill-sweeps-dead",
  ])

  project = var.project
  topic   = each.value
  role    = local.publisher_role
  member  = google_service_account.function["teardown"].member

  depends_on = [google_pubsub_topic.this, google_pubsub_topic.dead]
}

# Push: call the functions, and nothing else ----------------------------------------------------------------------------

resource "google_cloud_run_service_iam_member" "push_invokes" {
  for_each = local.functions

  project  = var.project
  location = var.region
  service  = google_cloudfunctions2_function.this[each.key].name
  role     = "roles/run.invoker"
  member   = google_service_account.push.member
}

# Pub/Sub signs its calls as the push account.
resource "google_service_account_iam_member" "pubsub_signs" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.pubsub_agent
}

# Build: read the source, write the image and the log --------------------------------------------------------------------

resource "google_storage_bucket_iam_member" "build_reads" {
  bucket = google_storage_bucket.sources.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}

# Cloud Functions copies the source to a bucket of its own, which does not exist before the first function does.
resource "google_project_iam_member" "build_reads_copy" {
  project = var.project
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title       = "sources-of-functions"
    description = "The buckets that Cloud Functions copies sources to."
    expression  = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-\")"
  }
}

resource "google_artifact_registry_repository_iam_member" "build_pushes" {
  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.functions.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

resource "google_project_iam_member" "build_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

# Nodes: what GKE asks of any node's account (logs, metrics), and images -------------------------------------------------

resource "google_project_iam_member" "nodes" {
  # With less than its own role GKE complains of the account, and a cluster that complains is given up.
  for_each = toset(["roles/artifactregistry.reader", "roles/container.defaultNodeServiceAccount"])

  project = local.burst_project
  role    = each.value
  member  = google_service_account.nodes.member
}

# Sweep: the scheduler publishes it --------------------------------------------------------------------------------------

resource "google_pubsub_topic_iam_member" "scheduler_publishes" {
  project = var.project
  topic   = google_pubsub_topic.this["overspill-sweeps"].name
  role    = "roles/pubsub.publisher"
  member  = local.scheduler_agent
}
