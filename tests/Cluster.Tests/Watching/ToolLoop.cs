using System.Text;
using System.Text.Json;
using Evergrain.Suites.Crash;

namespace Evergrain.Cluster.Tests.Watching;

/// <summary>The turns of a client that runs one tool.</summary>
internal static class ToolLoop
{
    /// <summary>The tool.</summary>
    public const string Tool =
        """{"type":"function","name":"look","parameters":{"type":"object","properties":{}}}""";

    /// <summary>The create that answers the call of a turn; <paramref name="more"/> are members more.</summary>
    public static string Reply(string model, JsonElement called, string more = "")
    {
        var response = called.GetProperty("response");
        var call = response.GetProperty("output").EnumerateArray()
            .Single(static item => item.GetProperty("type").GetString() == "function_call");
        return $$"""
            {"type":"response.create","model":"{{model}}","tools":[{{Tool}}],
             "previous_response_id":{{response.GetProperty("id").GetRawText()}},
             "input":[{"type":"function_call_output","call_id":{{call.GetProperty("call_id").GetRawText()}},
                       "output":"seen"}]{{more}}}
            """;
    }

    /// <summary>Runs a create to its end, and gives the last event, which may be an error.</summary>
    public static async Task<JsonElement> RunAsync(
        TurnSocket socket, string create, CancellationToken cancellationToken)
    {
        await socket.SendAsync(Encoding.UTF8.GetBytes(create), cancellationToken);
        while (true)
        {
            var frame = await socket.ReceiveAsync(cancellationToken);
            var type = frame.GetProperty("type").GetString();
            if (type is "response.completed" or "error")
            {
                return frame;
            }

            Assert.NotEqual("response.failed", type);
        }
    }
}
