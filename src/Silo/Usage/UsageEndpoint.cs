using System.Buffers;
using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Silo.Usage;

/// <summary>
/// <c>GET /evergrain/usage</c>: what the caller's tenant has used, all in all. An operator names a tenant:
/// <c>?tenant=NAME</c>.
/// </summary>
internal static class UsageEndpoint
{
    public static WebApplication MapUsage(this WebApplication app)
    {
        var totals = app.Services.GetRequiredService<ITenantTotals>();
        var audit = app.Services.GetRequiredService<AuditLog>();
        app.MapGet("/evergrain/usage", (RequestDelegate)(context => AnswerAsync(context, totals, audit)));
        return app;
    }

    private static async Task AnswerAsync(HttpContext context, ITenantTotals totals, AuditLog audit)
    {
        var tenant = context.ReadTenant(audit);
        try
        {
            await context.WriteJsonAsync(Write(tenant, await totals.GetAsync(tenant, context.RequestAborted)));
        }
        catch (JournalUnavailableException)
        {
            await context.WriteRefusalAsync(new Refusal(
                RefusalKind.Unavailable, "What was counted cannot be read now: try again."));
        }
    }

    private static ReadOnlyMemory<byte> Write(string tenant, in TurnCounts totals)
    {
        var body = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(body);
        json.WriteStartObject();
        json.WriteString("object"u8, "evergrain.usage"u8);
        json.WriteString("tenant"u8, tenant);
        json.WriteStartObject("turns"u8);
        json.WriteNumber("completed"u8, totals.Completed);
        json.WriteNumber("incomplete"u8, totals.Incomplete);
        json.WriteNumber("cancelled"u8, totals.Cancelled);
        json.WriteNumber("failed"u8, totals.Failed);
        json.WriteNumber("interrupted"u8, totals.Interrupted);
        json.WriteEndObject();
        json.WriteStartObject("tokens"u8);
        json.WriteNumber("input"u8, totals.InputTokens);
        json.WriteNumber("cached"u8, totals.CachedTokens);
        json.WriteNumber("output"u8, totals.OutputTokens);
        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        return body.WrittenMemory;
    }
}
