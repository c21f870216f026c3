# The VPC of lead and bursts. The bursts' subnetwork is the module's.

locals {
  # By its name, which is known before it exists: the module's plan needs that. A depends_on would defer it all.
  network  = "projects/${var.project}/global/networks/${google_compute_network.hpc.name}"
  lead_tag = "flux-lead"
}

# The module enables what bursts need, in their project; this is what the lead's own network and cluster need before.
resource "google_project_service" "lead" {
  for_each = toset(["compute.googleapis.com", "container.googleapis.com", "iam.googleapis.com"])

  project            = var.project
  service            = each.value
  disable_on_destroy = false
}

resource "google_compute_network" "hpc" {
  #checkov:skip=CKV2_GCP_18:Its firewall is the module's (burst nodes to the lead) and GKE's own.
  project                 = var.project
  name                    = "hpc"
  auto_create_subnetworks = false

  depends_on = [google_project_service.lead]
}

resource "google_compute_subnetwork" "lead" {
  #checkov:skip=CKV_GCP_26:Flows between the ranks of an MPI job would be logged by the gigabyte.
  project                  = var.project
  region                   = var.region
  name                     = "lead"
  network                  = google_compute_network.hpc.id
  ip_cidr_range            = "10.0.0.0/24"
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = "lead-pods"
    ip_cidr_range = "10.1.0.0/18"
  }

  secondary_ip_range {
    range_name    = "lead-services"
    ip_cidr_range = "10.2.0.0/22"
  }
}

resource "google_compute_router" "lead" {
  project = var.project
  region  = var.region
  name    = "lead"
  network = google_compute_network.hpc.id
}

# The lead's nodes have no public addresses either; they fetch images from registries outside.
resource "google_compute_router_nat" "lead" {
  project                            = var.project
  region                             = var.region
  name                               = "lead"
  router                             = google_compute_router.lead.name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "LIST_OF_SUBNETWORKS"

  subnetwork {
    name                    = google_compute_subnetwork.lead.id
    source_ip_ranges_to_nat = ["ALL_IP_RANGES"]
  }
}
