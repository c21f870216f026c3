# What a deployment with nothing but the required variables is.

mock_provider "google" {}

variables {
  project        = "my-project"
  region         = "us-central1"
  public_key     = "overspill-public-key:v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
  private_keys   = "overspill-private-key:v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
  operator_image = "ghcr.io/flux-framework/flux-operator@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  templates = {
    default = {
      machine_type = "c2-standard-8"
      cores        = 4
      memory_mib   = 32768
      zones        = ["us-central1-a", "us-central1-f"]
    }
  }
}

run "defaults" {
  command = plan

  assert {
    condition     = length(google_pubsub_topic.this) == 5 && length(google_pubsub_topic.dead) == 5
    error_message = "Each of the five topics has a dead-letter topic."
  }

  assert {
    condition = alltrue([
      for subscription in google_pubsub_subscription.push :
      subscription.ack_deadline_seconds == 600
      && subscription.dead_letter_policy[0].max_delivery_attempts == 100
      && subscription.retry_policy[0].minimum_backoff == "10s"
      && subscription.retry_policy[0].maximum_backoff == "600s"
      && subscription.expiration_policy[0].ttl == ""
    ])
    error_message = "Push subscriptions wait, retry, give up and last as documented."
  }

  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.this :
      function.service_config[0].max_instance_count == 6
      && function.service_config[0].max_instance_request_concurrency == 1
      && function.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY"
      && length(function.event_trigger) == 0
    ])
    error_message = "Functions have two instances to spare, serve one delivery each, and have no trigger."
  }

  assert {
    condition     = length(google_pubsub_subscription.events) == 0 && length(google_compute_firewall.burst_to_lead) == 0
    error_message = "Nothing is made for leads where there are none."
  }

  assert {
    condition     = length(google_project_iam_custom_role.clusters) == 0
    error_message = "Google's own roles are the default."
  }

  assert {
    condition     = google_compute_network.burst[0].auto_create_subnetworks == false && google_compute_network.burst[0].project == "my-project"
    error_message = "Bursts get a network of their own, in the project where there is no other."
  }
}

run "leads_get_what_is_theirs" {
  command = plan

  variables {
    leads = {
      lead  = { namespace = "flux", slots = { burst-0 = "default" } }
      other = { host = "lead.example.com", port = 9000 }
    }
  }

  assert {
    condition = { for id, subscription in google_pubsub_subscription.events : id => subscription.filter } == {
      lead  = "attributes.lead = \"lead\""
      other = "attributes.lead = \"other\""
    }
    error_message = "Each lead's subscription takes that lead's events."
  }

  assert {
    condition     = google_pubsub_subscription.events["lead"].enable_exactly_once_delivery
    error_message = "An event that was acked does not come again."
  }

  assert {
    condition     = google_compute_firewall.burst_to_lead[0].allow == toset([{ ports = tolist(["8050", "9000"]), protocol = "tcp" }])
    error_message = "The firewall is open on the leads' ports."
  }

  assert {
    condition     = strcontains(output.agent_settings["other"], "lead_host = \"lead.example.com\"\nlead_id = \"other\"\nlead_port = 9000\n")
    error_message = "A lead's settings say what its variables say."
  }

  assert {
    condition     = strcontains(output.agent_settings["lead"], "[slots.burst-0]\ntemplate = \"default\"\n") && !strcontains(output.agent_settings["lead"], "lead_host")
    error_message = "A lead's settings have its slots, and no address that the agent finds itself."
  }
}

run "custom_roles_are_just_what_is_called" {
  command = plan

  variables {
    iam_mode      = "custom"
    burst_project = "my-bursts"
  }

  assert {
    condition     = contains(google_project_iam_custom_role.clusters["provision"].permissions, "container.clusters.create")
    error_message = "The provision function makes clusters."
  }

  assert {
    condition     = !contains(google_project_iam_custom_role.clusters["teardown"].permissions, "container.clusters.create")
    error_message = "The teardown function makes none."
  }

  assert {
    condition     = alltrue([for role in google_project_iam_custom_role.clusters : role.project == "my-bursts" && !strcontains(join(",", role.permissions), "*")])
    error_message = "Roles are the burst project's, and name each permission."
  }

  assert {
    condition     = google_project_iam_custom_role.messages["publish"].permissions == toset(["pubsub.topics.publish"])
    error_message = "Publishing is one permission."
  }
}

run "public_leads_are_reached_from_static_addresses" {
  command = plan

  variables {
    lead_access         = "public"
    allowed_lead_ranges = ["203.0.113.7/32"]
    leads               = { lead = {} }
  }

  assert {
    condition     = length(google_compute_firewall.burst_to_lead) == 0
    error_message = "There is no lead in this VPC."
  }

  assert {
    condition     = google_compute_router_nat.burst[0].nat_ip_allocate_option == "MANUAL_ONLY" && length(google_compute_address.nat) == 2
    error_message = "Burst nodes are seen under addresses that are reserved."
  }
}

run "ranges_follow_max_bursts" {
  command = plan

  variables {
    max_bursts          = 20
    max_nodes_per_burst = 100
  }

  assert {
    condition     = google_cloudfunctions2_function.this["provision"].service_config[0].max_instance_count == 22
    error_message = "Instances follow max_bursts."
  }

  assert {
    condition     = output.burst_ranges == { nodes = "10.68.0.0/20", pods = "10.64.0.0/14" }
    error_message = "20 bursts of 100 nodes and two of the system, 64 and 256 addresses for the pods of each."
  }
}

run "a_vpc_of_another_project_lets_gke_in" {
  command = plan

  variables {
    network       = "projects/my-host/global/networks/hpc"
    burst_project = "my-bursts"
    leads         = { lead = {} }
  }

  assert {
    condition     = length(google_compute_network.burst) == 0 && google_compute_subnetwork.burst.project == "my-host"
    error_message = "The subnetwork is the leads' VPC's."
  }

  assert {
    condition     = length(google_compute_subnetwork_iam_member.robots_use_subnetwork) == 2 && google_project_iam_member.gke_uses_host[0].project == "my-host"
    error_message = "GKE may make nodes in the host project's subnetwork."
  }
}
