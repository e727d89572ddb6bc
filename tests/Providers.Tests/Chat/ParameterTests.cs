using System.Text;
using Evergrain.Conversations.Wire;
using Evergrain.Suites.Transports;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>What becomes of each parameter of a create before a chat-completions server.</summary>
public sealed class ParameterTests
{
    private const string User = """{"role":"user","content":"hi"}""";

    // What they ask for, the conversation does itself, or holds before any chat server.
    private static readonly string[] Ours = ["background", "metadata", "model", "truncation"];

    // Hints, and what concerns tools that OpenAI runs itself.
    private static readonly string[] WithoutMeaning =
        ["max_tool_calls", "prompt_cache_options", "prompt_cache_retention"];

    [Fact]
    public void Parameters_OfEveryHeldField_AreCarriedRefusedOrKnownToMeanNothing()
    {
        var values = RequestFields.All.ToDictionary(field => field.Name, field => field.Value);
        values["background"] = "true";
        var api = new ChatDriver().Api;

        // Some mean something only where there are tools.
        var left = ParameterFields.All.Select(static field => field.Name).Where(field =>
            api.Refuse(field, Encoding.UTF8.GetBytes(values[field])) is null &&
            Body(["tools", field]) == Body(field == "tools" ? [] : ["tools"]));
        string Body(string[] fields) => fields.Aggregate(
            ChatDriver.Of(User), (driver, field) => driver.With(field, values[field])).Body();

        Assert.Equal([.. Ours.Concat(WithoutMeaning).Order()], left.Order());
    }
}
