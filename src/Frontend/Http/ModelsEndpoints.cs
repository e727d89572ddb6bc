using System.Buffers;
using System.Text.Json;
using Evergrain.Conversations.Ports;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Evergrain.Frontend.Http;

/// <summary>The models that the backends answer to, as OpenAI's <c>GET /v1/models</c> lists them.</summary>
internal sealed class ModelsEndpoints(IEnumerable<IModelBackend> backends)
{
    private readonly ModelCatalog _models = new([.. backends]);

    public Task ListAsync(HttpContext context) => context.WriteJsonAsync(WriteList());

    public Task GetAsync(HttpContext context)
    {
        // Names of model servers have slashes, which clients send as they are or escaped; routing leaves the latter.
        var id = (string?)context.GetRouteValue("id") ?? "";
        var model = id.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
        if (_models.Find(model) is null)
        {
            throw new ConversationException(_models.Refuse(model) with { Kind = RefusalKind.NotFound });
        }

        return context.WriteJsonAsync(WriteOne(model));
    }

    private ReadOnlyMemory<byte> WriteList()
    {
        var body = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(body);
        json.WriteStartObject();
        json.WriteString("object"u8, "list"u8);
        json.WriteStartArray("data"u8);
        foreach (var model in _models.Names.Distinct(StringComparer.Ordinal))
        {
            WriteModel(json, model);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        return body.WrittenMemory;
    }

    private static ReadOnlyMemory<byte> WriteOne(string model)
    {
        var body = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(body);
        WriteModel(json, model);
        json.Flush();
        return body.WrittenMemory;
    }

    private static void WriteModel(Utf8JsonWriter json, string model)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, model);
        json.WriteString("object"u8, "model"u8);
        json.WriteNumber("created"u8, 0);
        json.WriteString("owned_by"u8, "evergrain"u8);
        json.WriteEndObject();
    }
}
