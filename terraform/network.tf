# Where burst nodes live: one subnetwork for all bursts, in the leads' VPC or in one of their own.
# Nodes have no public addresses. Ranges are just large enough for max_bursts bursts of max_nodes_per_burst nodes.

locals {
  network_name    = var.network == null ? "overspill-${var.deployment}" : element(split("/", var.network), 4)
  network_project = var.network == null ? local.burst_project : element(split("/", var.network), 1)
  network         = "projects/${local.network_project}/global/networks/${local.network_name}"
  is_shared_vpc   = local.network_project != local.burst_project

  pods_range_name = "pods"

  # Beside the burst's own nodes a cluster has one for the system, or two while that one is replaced. GKE gives each
  # node twice its most pods: a /26 where there are 32 at most, a /24 for the system's 110.
  system_nodes          = 2
  max_nodes             = var.max_bursts * (var.max_nodes_per_burst + local.system_nodes)
  addresses_burst_node  = 64
  addresses_system_node = 256
  max_pod_addresses     = var.max_bursts * (var.max_nodes_per_burst * local.addresses_burst_node + local.system_nodes * local.addresses_system_node)

  # Powers of two. Nodes: one address for each cluster's control plane too, and the four that Google keeps.
  # A tiny part is taken off, since log(8, 2) may be a little more than 3.
  node_bits = ceil(log(local.max_nodes + var.max_bursts + 4, 2) - 0.000001)
  pod_bits  = ceil(log(local.max_pod_addresses, 2) - 0.000001)

  needed_addresses = pow(2, local.node_bits) + pow(2, local.pod_bits)
  given_bits       = 32 - try(tonumber(split("/", var.burst_ip_range)[1]), 0)

  # The larger first: then no addresses are lost between the two.
  cut = try(cidrsubnets(var.burst_ip_range, local.given_bits - local.pod_bits, local.given_bits - local.node_bits), ["", ""])

  pod_range  = local.cut[0]
  node_range = local.cut[1]
}

resource "google_compute_network" "burst" {
  count = var.network == null ? 1 : 0

  project                 = local.burst_project
  name                    = local.network_name
  description             = "Overspill's burst nodes."
  auto_create_subnetworks = false

  depends_on = [google_project_service.this, google_project_service.burst]
}

resource "google_compute_subnetwork" "burst" {
  #checkov:skip=CKV_GCP_26:Flows between the ranks of an MPI job would be logged by the gigabyte. What leaves is logged by the NAT, errors only.
  project                  = local.network_project
  region                   = var.region
  name                     = "overspill-bursts-${local.short_hash}"
  description              = "Nodes and pods of ${var.deployment}'s bursts."
  network                  = local.network
  ip_cidr_range            = local.node_range
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = local.pods_range_name
    ip_cidr_range = local.pod_range
  }

  depends_on = [google_compute_network.burst, google_project_service.this, google_project_service.burst]
}

# Brokers on burst nodes dial the lead. Pods' addresses may be seen as they are, or as their node's.
resource "google_compute_firewall" "burst_to_lead" {
  count = var.lead_access == "internal" && length(var.leads) > 0 ? 1 : 0

  project       = local.network_project
  name          = "overspill-lead-${local.short_hash}"
  description   = "Brokers of ${var.deployment}'s bursts dial their lead."
  network       = local.network
  direction     = "INGRESS"
  source_ranges = [local.node_range, local.pod_range]
  target_tags   = length(var.lead_node_tags) > 0 ? var.lead_node_tags : null

  allow {
    protocol = "tcp"
    ports    = sort(distinct([for lead in var.leads : tostring(lead.port)]))
  }

  depends_on = [google_compute_network.burst]
}

# A VPC of another project (Shared VPC): GKE makes nodes there on the burst project's behalf.
locals {
  burst_robots = local.is_shared_vpc ? {
    gke   = "serviceAccount:service-${data.google_project.burst.number}@container-engine-robot.iam.gserviceaccount.com"
    cloud = "serviceAccount:${data.google_project.burst.number}@cloudservices.gserviceaccount.com"
  } : {}
}

resource "google_compute_subnetwork_iam_member" "robots_use_subnetwork" {
  for_each = local.burst_robots

  project    = local.network_project
  region     = var.region
  subnetwork = google_compute_subnetwork.burst.name
  role       = "roles/compute.networkUser"
  member     = each.value

  # Its account is made when GKE is enabled.
  depends_on = [google_project_service.burst]
}

resource "google_project_iam_member" "gke_uses_host" {
  count = local.is_shared_vpc ? 1 : 0

  project = local.network_project
  role    = "roles/container.hostServiceAgentUser"
  member  = local.burst_robots["gke"]

  depends_on = [google_project_service.burst]
}
