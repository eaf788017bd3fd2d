output "bootstrap_peers" {
  description = "For network.bootstrap_peers of every node.toml."
  value       = [for name, card in azurerm_network_interface.validator : "/ip4/${card.private_ip_address}/udp/9001/quic-v1/p2p/${name}"]
}

output "backup_containers" {
  description = "Of each member, in Azure Government."
  value       = { for name, container in azurerm_storage_container.backups : name => "${azurerm_storage_account.validator.primary_blob_endpoint}${container.name}" }
}
