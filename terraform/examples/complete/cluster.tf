# The lead's GKE cluster: zonal, private nodes, reached by its DNS endpoint.

resource "google_service_account" "lead_nodes" {
  project      = var.project
  account_id   = "flux-lead-nodes"
  display_name = "Nodes of the Flux lead"
  depends_on   = [google_project_service.lead]
}

resource "google_project_iam_member" "lead_nodes" {
  for_each = toset(["roles/artifactregistry.reader", "roles/container.defaultNodeServiceAccount"])

  project = var.project
  role    = each.value
  member  = google_service_account.lead_nodes.member
}

resource "google_container_cluster" "lead" {
  #checkov:skip=CKV_GCP_12:Dataplane V2 has it built in.
  #checkov:skip=CKV_GCP_20:The control plane has no IP endpoint; its DNS endpoint asks Google's IAM.
  #checkov:skip=CKV_GCP_61:Flows between the ranks of an MPI job would be logged by the gigabyte.
  #checkov:skip=CKV_GCP_65:Needs a Google Group of yours; an example knows none.
  #checkov:skip=CKV_GCP_66:Needs attestations of the images of your jobs; an example has none.
  #checkov:skip=CKV_GCP_69:The node pool has it; the cluster's own pool is removed.
  project             = var.project
  name                = "flux-lead"
  location            = local.zone
  network             = google_compute_network.hpc.id
  subnetwork          = google_compute_subnetwork.lead.id
  resource_labels     = local.labels
  deletion_protection = var.deletion_protection

  datapath_provider = "ADVANCED_DATAPATH"

  master_auth {
    client_certificate_config {
      issue_client_certificate = false
    }
  }

  remove_default_node_pool = true
  initial_node_count       = 1

  ip_allocation_policy {
    cluster_secondary_range_name  = "lead-pods"
    services_secondary_range_name = "lead-services"
  }

  private_cluster_config {
    enable_private_nodes = true
  }

  control_plane_endpoints_config {
    dns_endpoint_config {
      allow_external_traffic = true
    }
    ip_endpoints_config {
      enabled = false
    }
  }

  workload_identity_config {
    workload_pool = "${var.project}.svc.id.goog"
  }

  release_channel {
    channel = "REGULAR"
  }

  depends_on = [google_compute_router_nat.lead]
}

resource "google_container_node_pool" "lead" {
  project    = var.project
  name       = "lead"
  cluster    = google_container_cluster.lead.name
  location   = local.zone
  node_count = var.lead_nodes

  node_config {
    machine_type    = var.lead_machine_type
    service_account = google_service_account.lead_nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    resource_labels = local.labels
    tags            = [local.lead_tag]

    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }

  management {
    auto_repair  = true
    auto_upgrade = true
  }
}
