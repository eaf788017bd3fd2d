resource "azurerm_resource_group" "validator" {
  name     = "validator-${var.network}"
  location = var.location
}

resource "azurerm_virtual_network" "validator" {
  name                = "validator"
  location            = azurerm_resource_group.validator.location
  resource_group_name = azurerm_resource_group.validator.name
  address_space       = [var.vnet_cidr]
}

# Without a way to the internet of Azure's own. Validators elsewhere are reached by a peering or a gateway.
resource "azurerm_subnet" "validator" {
  name                            = "validator"
  resource_group_name             = azurerm_resource_group.validator.name
  virtual_network_name            = azurerm_virtual_network.validator.name
  address_prefixes                = [cidrsubnet(var.vnet_cidr, 4, 0)]
  service_endpoints               = ["Microsoft.Storage"]
  default_outbound_access_enabled = false
}

locals {
  subnet = azurerm_subnet.validator.address_prefixes[0]
  peers  = concat([local.subnet], var.peer_networks)
}

# QUIC with the other members, and the operator's SSH; out, QUIC and storage. API and metrics stay on loopback.
resource "azurerm_network_security_group" "validator" {
  name                = "validator"
  location            = azurerm_resource_group.validator.location
  resource_group_name = azurerm_resource_group.validator.name

  security_rule {
    name                       = "quic-in"
    priority                   = 100
    direction                  = "Inbound"
    access                     = "Allow"
    protocol                   = "Udp"
    source_address_prefixes    = local.peers
    source_port_range          = "*"
    destination_address_prefix = local.subnet
    destination_port_range     = "9001"
  }

  security_rule {
    name                       = "ssh-in"
    priority                   = 110
    direction                  = "Inbound"
    access                     = "Allow"
    protocol                   = "Tcp"
    source_address_prefix      = var.operator_network
    source_port_range          = "*"
    destination_address_prefix = local.subnet
    destination_port_range     = "22"
  }

  security_rule {
    name                       = "nothing-else-in"
    priority                   = 4096
    direction                  = "Inbound"
    access                     = "Deny"
    protocol                   = "*"
    source_address_prefix      = "*"
    source_port_range          = "*"
    destination_address_prefix = "*"
    destination_port_range     = "*"
  }

  security_rule {
    name                         = "quic-out"
    priority                     = 100
    direction                    = "Outbound"
    access                       = "Allow"
    protocol                     = "Udp"
    source_address_prefix        = local.subnet
    source_port_range            = "*"
    destination_address_prefixes = local.peers
    destination_port_range       = "9001"
  }

  security_rule {
    name                       = "storage-out"
    priority                   = 110
    direction                  = "Outbound"
    access                     = "Allow"
    protocol                   = "Tcp"
    source_address_prefix      = local.subnet
    source_port_range          = "*"
    destination_address_prefix = "Storage"
    destination_port_range     = "443"
  }

  security_rule {
    name                       = "nothing-else-out"
    priority                   = 4096
    direction                  = "Outbound"
    access                     = "Deny"
    protocol                   = "*"
    source_address_prefix      = "*"
    source_port_range          = "*"
    destination_address_prefix = "*"
    destination_port_range     = "*"
  }
}

resource "azurerm_subnet_network_security_group_association" "validator" {
  subnet_id                 = azurerm_subnet.validator.id
  network_security_group_id = azurerm_network_security_group.validator.id
}
