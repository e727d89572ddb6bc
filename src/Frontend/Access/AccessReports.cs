using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Telemetry;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Access;

/// <summary>Where the gate reports what it refused: metrics, the log and the audit.</summary>
internal sealed class AccessReports(FrontendInstruments instruments, AuditLog audit)
{
    /// <summary>A request was refused, for whatever reason.</summary>
    public void Refused(Refusal refusal) => instruments.ErrorSent(refusal);

    /// <summary>A key was refused, which <see cref="Refused"/> does not say.</summary>
    public void RefusedKey(HttpContext context, string? tenant) => audit.KeyRefused(context, tenant);
}
