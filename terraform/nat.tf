# The way out for burst nodes: to image registries, and to a public lead, from addresses that never change.

locals {
  # Ports that a node is given at once; more come as it needs them.
  min_ports_per_node = 64
  max_ports_per_node = 1024
  # An address has 64,512 ports. Sized so that every node can have a fair share even when all are up.
  nat_addresses = ceil(local.max_nodes * 256 / 64512)
}

resource "google_compute_address" "nat" {
  count = var.create_nat ? local.nat_addresses : 0

  project     = local.network_project
  region      = var.region
  name        = "overspill-nat-${local.short_hash}-${count.index}"
  description = "Burst nodes of ${var.deployment} are seen under it."
  labels      = local.labels

  depends_on = [google_project_service.this, google_project_service.burst]
}

resource "google_compute_router" "burst" {
  count = var.create_nat ? 1 : 0

  project = local.network_project
  region  = var.region
  name    = "overspill-${local.short_hash}"
  network = local.network

  depends_on = [google_compute_network.burst]
}

resource "google_compute_router_nat" "burst" {
  count = var.create_nat ? 1 : 0

  project                             = local.network_project
  region                              = var.region
  name                                = "overspill-${local.short_hash}"
  router                              = google_compute_router.burst[0].name
  nat_ip_allocate_option              = "MANUAL_ONLY"
  nat_ips                             = google_compute_address.nat[*].self_link
  source_subnetwork_ip_ranges_to_nat  = "LIST_OF_SUBNETWORKS"
  enable_dynamic_port_allocation      = true
  enable_endpoint_independent_mapping = false
  min_ports_per_vm                    = local.min_ports_per_node
  max_ports_per_vm                    = local.max_ports_per_node

  subnetwork {
    name                    = google_compute_subnetwork.burst.id
    source_ip_ranges_to_nat = ["ALL_IP_RANGES"]
  }

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}
