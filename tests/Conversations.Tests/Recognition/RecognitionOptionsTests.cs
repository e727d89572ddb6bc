using Evergrain.Conversations.Recognition;

namespace Evergrain.Conversations.Tests.Recognition;

/// <summary>For which tenants histories are recognised.</summary>
public sealed class RecognitionOptionsTests
{
    [Theory]
    [InlineData("off", null, null, false)]
    [InlineData("stored", null, null, true)]
    [InlineData("stored", "off", null, false)]
    [InlineData("off", "stored", null, true)]
    [InlineData("off", null, "stored", true)]
    [InlineData("off", "off", "stored", false)]
    [InlineData("stored", null, "off", false)]
    [InlineData("all", null, null, true)]
    [InlineData("off", "all", null, true)]
    public void IsOnFor_TheTenantsOwnGoesFirst_ThenThatOfAll(string all, string? own, string? others, bool isOn)
    {
        var options = new RecognitionOptions { Recognition = all };
        foreach (var (tenant, recognition) in new[] { ("a", own), ("*", others) })
        {
            if (recognition is not null)
            {
                options.Set(tenant, recognition);
            }
        }

        Assert.Equal(isOn, options.IsOnFor("a"));
        Assert.Equal(new[] { all, own, others }.Any(static value => value is "stored" or "all"), options.IsOn);
    }

    [Theory]
    [InlineData("all", null, null, null, 5)]
    [InlineData("stored", null, null, null, 0)]
    [InlineData("stored", null, 2, null, 0)]
    [InlineData("stored", "all", null, null, 5)]
    [InlineData("all", "stored", 2, null, 0)]
    [InlineData("all", null, 2, 3, 2)]
    [InlineData("all", null, null, 3, 3)]
    [InlineData("all", null, 0, 3, 0)]
    public void GraceOf_TheTenantsOwnGoesFirst_AndIsZeroUnlessAllIsRecognised(
        string all, string? recognition, int? own, int? others, int minutes)
    {
        var options = new RecognitionOptions { Recognition = all };
        if (recognition is not null)
        {
            options.Set("a", recognition);
        }

        foreach (var (tenant, grace) in new[] { ("a", own), ("*", others) })
        {
            if (grace is { } some)
            {
                options.SetGrace(tenant, TimeSpan.FromMinutes(some));
            }
        }

        Assert.Equal(TimeSpan.FromMinutes(minutes), options.GraceOf("a"));
        Assert.Equal((recognition ?? all) == "all", options.IsAllFor("a"));
    }
}
