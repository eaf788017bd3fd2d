data "azurerm_client_config" "here" {}

# The disks' key, in hardware. Who may use it is said by roles.
resource "azurerm_key_vault" "validator" {
  name                       = "validator-${var.network}"
  location                   = azurerm_resource_group.validator.location
  resource_group_name        = azurerm_resource_group.validator.name
  tenant_id                  = data.azurerm_client_config.here.tenant_id
  sku_name                   = "premium"
  rbac_authorization_enabled = true
  purge_protection_enabled   = true
  soft_delete_retention_days = 90
}

resource "azurerm_role_assignment" "operator_keys" {
  scope                = azurerm_key_vault.validator.id
  role_definition_name = "Key Vault Crypto Officer"
  principal_id         = data.azurerm_client_config.here.object_id
}

resource "azurerm_key_vault_key" "disks" {
  name         = "validator-disks"
  key_vault_id = azurerm_key_vault.validator.id
  key_type     = "RSA-HSM"
  key_size     = 3072
  key_opts     = ["wrapKey", "unwrapKey"]

  depends_on = [azurerm_role_assignment.operator_keys]
}

resource "azurerm_disk_encryption_set" "validator" {
  name                = "validator"
  location            = azurerm_resource_group.validator.location
  resource_group_name = azurerm_resource_group.validator.name
  key_vault_key_id    = azurerm_key_vault_key.disks.id
  encryption_type     = "EncryptionAtRestWithPlatformAndCustomerKeys"

  identity {
    type = "SystemAssigned"
  }
}

resource "azurerm_role_assignment" "disks_key" {
  scope                = azurerm_key_vault.validator.id
  role_definition_name = "Key Vault Crypto Service Encryption User"
  principal_id         = azurerm_disk_encryption_set.validator.identity[0].principal_id
}

resource "azurerm_managed_disk" "data" {
  for_each               = var.members
  name                   = "validator-${each.key}"
  location               = azurerm_resource_group.validator.location
  resource_group_name    = azurerm_resource_group.validator.name
  zone                   = each.value.zone
  storage_account_type   = "Premium_LRS"
  create_option          = "Empty"
  disk_size_gb           = var.data_gb
  disk_encryption_set_id = azurerm_disk_encryption_set.validator.id
  network_access_policy  = "DenyAll"

  depends_on = [azurerm_role_assignment.disks_key]

  # A lost vote store makes its validator follow for two epochs: nobody removes it by an apply.
  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_storage_account" "validator" {
  name                              = "validator${var.network}"
  location                          = azurerm_resource_group.validator.location
  resource_group_name               = azurerm_resource_group.validator.name
  account_tier                      = "Standard"
  account_replication_type          = "ZRS"
  min_tls_version                   = "TLS1_2"
  https_traffic_only_enabled        = true
  allow_nested_items_to_be_public   = false
  shared_access_key_enabled         = false
  infrastructure_encryption_enabled = true

  blob_properties {
    versioning_enabled = true

    delete_retention_policy {
      days = 30
    }
  }

  network_rules {
    default_action             = "Deny"
    virtual_network_subnet_ids = [azurerm_subnet.validator.id]
    ip_rules                   = []
  }
}

# One container for each member, so that a role can be given for it alone.
resource "azurerm_storage_container" "backups" {
  for_each              = var.members
  name                  = "backups-${each.key}"
  storage_account_id    = azurerm_storage_account.validator.id
  container_access_type = "private"
}
