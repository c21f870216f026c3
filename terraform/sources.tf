# A function's source: its own folder overlaid with shared/, straight from the repository; no build step.

locals {
  functions = {
    provision = {
      description = "Overspill: makes bursts' clusters, as agents request them."
      path        = "${path.module}/../functions/provision"
    }
    teardown = {
      description = "Overspill: removes bursts, renews their leases, and sweeps."
      path        = "${path.module}/../functions/teardown"
    }
  }
  # Code, requirements and package data, and nothing that tools leave behind.
  source_pattern = "**/*.{py,txt,typed,yaml}"
  source_files = {
    for name, function in local.functions : name => merge([
      for root in ["${path.module}/../shared", function.path] : {
        for file in fileset(root, local.source_pattern) : file => "${root}/${file}"
      }
    ]...)
  }
}

data "archive_file" "source" {
  for_each = local.source_files

  type             = "zip"
  output_path      = "${coalesce(var.zip_folder, "${path.root}/.terraform")}/overspill-${each.key}.zip"
  output_file_mode = "0644" # the same zip, whoever makes it

  dynamic "source" {
    for_each = each.value

    content {
      filename = source.key
      content  = file(source.value)
    }
  }
}

resource "google_storage_bucket" "sources" {
  #checkov:skip=CKV_GCP_62:It holds public source code, and Cloud Audit Logs tell who reads it where they are enabled.
  project                     = var.project
  name                        = "${var.project}-overspill-sources"
  location                    = var.region
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  # Only zips that the next apply makes again.
  force_destroy = true

  versioning {
    enabled = true
  }

  # Earlier zips stay for a while, for a function that is set back by hand.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      num_newer_versions         = 3
      days_since_noncurrent_time = 90
    }
  }

  depends_on = [google_project_service.this]
}

# The hash in the name makes a changed source a new object, and so a new deployment; equal sources change nothing.
resource "google_storage_bucket_object" "source" {
  for_each = local.source_files

  bucket = google_storage_bucket.sources.name
  name   = "${each.key}-${data.archive_file.source[each.key].output_sha256}.zip"
  source = data.archive_file.source[each.key].output_path
}

# The functions' images, in a repository of their own: who builds them needs rights on no other.
resource "google_artifact_registry_repository" "functions" {
  #checkov:skip=CKV_GCP_84:Images of public source code hold no secret; Google encrypts them at rest.
  project       = var.project
  location      = var.region
  repository_id = "overspill-functions"
  description   = "Images of Overspill's functions, built by Cloud Functions."
  format        = "DOCKER"
  labels        = local.labels

  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 5
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "7776000s" # 90 days
    }
  }

  depends_on = [google_project_service.this]
}
