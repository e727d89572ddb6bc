namespace Evergrain.Frontend.Access;

/// <summary>Who a request comes from, once it was let in; an HTTP feature.</summary>
/// <param name="Tenant">The tenant its key belongs to.</param>
/// <param name="Subprotocol">The subprotocol to select: the one that carried a browser's key, or null.</param>
/// <param name="IsOperator">
/// Whether it may read metrics and operators' pages: it has an operator's key, or comes to the operations port, or
/// comes from this machine to a server without keys.
/// </param>
internal sealed record Caller(string Tenant, string? Subprotocol, bool IsOperator = false);
