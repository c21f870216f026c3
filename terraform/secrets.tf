# The private keys that open seals. Their text is in Secret Manager alone: write-only here, so not in the state.

resource "google_secret_manager_secret" "private_keys" {
  project             = var.project
  secret_id           = "overspill-private-keys"
  labels              = local.labels
  deletion_protection = var.deletion_protection

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_secret_manager_secret_version" "private_keys" {
  secret                 = google_secret_manager_secret.private_keys.id
  secret_data_wo         = var.private_keys
  secret_data_wo_version = var.keys_version
  # The version before stays, disabled: a function that is set back needs it enabled again, not made anew.
  deletion_policy = "DISABLE"

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_secret_manager_secret_iam_member" "provision_opens" {
  project   = var.project
  secret_id = google_secret_manager_secret.private_keys.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function["provision"].member
}
