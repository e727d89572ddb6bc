using System.Buffers;
using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Http;
using Evergrain.Grains.Tenants;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;

namespace Evergrain.Silo;

/// <summary><c>GET /evergrain/usage</c>: what the caller's tenant has used in the cluster, all in all.</summary>
internal static class UsageEndpoint
{
    public static WebApplication MapUsage(this WebApplication app)
    {
        var grains = app.Services.GetRequiredService<IGrainFactory>();
        app.MapGet("/evergrain/usage", (RequestDelegate)(context => AnswerAsync(context, grains)));
        return app;
    }

    private static async Task AnswerAsync(HttpContext context, IGrainFactory grains)
    {
        var tenant = context.Features.Get<Caller>()!.Tenant;
        try
        {
            var grain = grains.GetGrain<ITenantGrain>(TenantGrainKey.Format(tenant));
            var totals = await grain.Get().WaitAsync(context.RequestAborted);
            await context.WriteJsonAsync(Write(tenant, totals));
        }
        catch (Exception e) when (e is TimeoutException or OrleansException)
        {
            await context.WriteRefusalAsync(new Refusal(
                RefusalKind.Unavailable, "What was counted cannot be read now: try again."));
        }
    }

    private static ReadOnlyMemory<byte> Write(string tenant, TenantTotals totals)
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
